import { dnsName, type PairIdentity, pairIdentities } from '../support/pair-identities.ts'
import { type Measured, PROXY_CORE, programOf } from '../support/process.ts'
import type { World } from '../support/world.ts'
import { envoy } from './envoy.ts'
import { nginxPair, type TlsFiles } from './nginx.ts'
import { trimtabPair } from './trimtab-pair.ts'

/** Takes a pair of proxies: `launch` starts it where it is called in clear text (`out`) and where its called side takes mTLS (`in`). */
export type AddPair = (
  name: string,
  launch: (at: { out: number; in: number }) => Promise<[calling: Measured, called: Measured]>,
) => Promise<void>

/** Pairs with mTLS between them before the first endpoint of the world: nginx bare, ours with everything on, Envoy, where it is, with like features. Returns what a caller shows. */
export async function launchPairs(world: World, nginxProgram: string, add: AddPair): Promise<TlsFiles> {
  const appPort = world.http1.v1[0]
  const [caller, called] = (await pairIdentities(world.folder, ['caller', 'backend'])) as [PairIdentity, PairIdentity]
  await add('nginx pair, bare', at =>
    nginxPair(
      nginxProgram,
      world.folder,
      PROXY_CORE,
      { ...at, upstream: appPort },
      { out: caller.files, in: called.files, name: dnsName },
    ),
  )
  await add('Trimtab pair, everything on', at =>
    trimtabPair(world, { out: { identity: caller, port: at.out }, in: { identity: called, port: at.in }, appPort }),
  )
  const envoyProgram = programOf('envoy')
  if (envoyProgram !== undefined)
    await add('Envoy pair, like features, every span', async at => {
      const side = (name: 'in' | 'out', port: number, target: number, own: PairIdentity, peer: PairIdentity) =>
        envoy(envoyProgram, world, {
          port,
          versions: { v1: [target], v2: [target] },
          features: true,
          tls: { side: name, files: own.files, peer: peer.spiffeId },
        })
      const takes = await side('in', at.in, appPort, called, caller)
      return [await side('out', at.out, at.in, caller, called), takes]
    })
  return caller.files
}
