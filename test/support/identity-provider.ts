import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import Provider from 'oidc-provider'
import { formatAddress, listen } from '../../runtime/address.ts'

/** A real OpenID Connect provider (npm oidc-provider) at which everybody is logged in as `account` without being asked. */
export interface IdentityProvider {
  issuer: string
  /** Who logs in next; undefined: the provider refuses. */
  account: string | undefined
  close(): Promise<void>
}

export const CLIENT = 'gateway'
export const SECRET = 'a secret that nobody guesses, 32 bytes'

export async function identityProvider(t: TestContext, publicUrl: string): Promise<IdentityProvider> {
  let handler: (request: IncomingMessage, response: ServerResponse) => void = () => {}
  const server = createServer((request, response) => handler(request, response))
  const issuer = `http://${formatAddress(await listen(server, { host: '127.0.0.1', port: 0 }))}`
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT,
        client_secret: SECRET,
        redirect_uris: [`${publicUrl}/oauth2/callback`],
        post_logout_redirect_uris: [`${publicUrl}/`],
      },
    ],
    cookies: { keys: ['test'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    conformIdTokenClaims: false,
    claims: { openid: ['sub'], email: ['email'] },
    pkce: { required: () => true },
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: async () => ({ sub: accountId, email: `${accountId}@example.org` }),
    }),
  })
  const self: IdentityProvider = {
    issuer,
    account: 'ann',
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  const callback = provider.callback()
  handler = (request, response) => {
    if (request.url?.startsWith('/interaction/') === true) void interact(provider, self, request, response)
    else void callback(request, response)
  }
  t.after(() => self.close())
  return self
}

/** What a person would do at the provider: log in, and agree. */
async function interact(
  provider: Provider,
  { account }: IdentityProvider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const finish = (result: Parameters<Provider['interactionFinished']>[2]) =>
    provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true })
  if (account === undefined) return finish({ error: 'access_denied', error_description: 'no' })
  const { prompt } = await provider.interactionDetails(request, response)
  if (prompt.name === 'login') return finish({ login: { accountId: account } })
  const grant = new provider.Grant({ accountId: account, clientId: CLIENT })
  grant.addOIDCScope('openid profile email')
  return finish({ consent: { grantId: await grant.save() } })
}
