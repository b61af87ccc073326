import type { TokenStatus } from '../../control/identity/token-routes.ts'
import { deleteJson, getJson, postJson } from '../ask/client.ts'

const NAME = 'trimtab up'

/** A reusable join token for every proxy of this mesh. The one of the last time, whose proxies are gone, is revoked. */
export async function joinTokenOf(control: string): Promise<string> {
  const { tokens } = await getJson<{ tokens: TokenStatus[] }>(new URL('/v1/tokens', control))
  for (const { id } of tokens.filter(({ name }) => name === NAME))
    await deleteJson(new URL(`/v1/tokens/${id}`, control))
  const wanted = { kind: 'join', name: NAME, reusable: true, expiresInMs: null }
  return (await postJson<{ token: string }>(new URL('/v1/tokens', control), wanted)).token
}
