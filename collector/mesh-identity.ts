import { askRoots } from '../credentials/authority.ts'
import { keptCredentials } from '../credentials/kept.ts'
import { keepRenewed, type Renewal } from '../credentials/renewal.ts'
import { COLLECTOR } from '../protocol/identity.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { CollectorSettings } from './config.ts'
import { howToJoin } from './join-token-source.ts'
import type { RootsSource } from './reporters/roots.ts'

/** Who the collector is in the mesh: its certificate, kept renewed, and the roots that control names now. */
export interface MeshIdentity {
  readonly certificate: Renewal
  readonly roots: RootsSource
}

/** undefined where no control was named: then there is no TLS. */
export function meshIdentity(
  { control, data, joinToken, joinTokenFile }: CollectorSettings,
  parts: { clock: Clock; random: () => number; log: Log },
): MeshIdentity | undefined {
  if (control === undefined) return undefined
  const certificate = keepRenewed({
    controlUrl: control,
    member: COLLECTOR,
    token: joinToken,
    howToJoin: howToJoin(joinTokenFile),
    kept: keptCredentials(`${data}/identity.json`, COLLECTOR),
    minVersion: 'TLSv1.2',
    ...parts,
  })
  return {
    certificate,
    roots: {
      name: control,
      known: () => certificate.current?.roots ?? [],
      async ask() {
        const own = certificate.current
        if (own === undefined) throw new Error(certificate.told().detail)
        const asked = await askRoots(control, own, parts.clock.wall)
        if (asked.status !== 'ok') throw new Error(asked.reason)
        const { roots, issuer = own.issuer } = asked.value
        certificate.heard({ roots, issuer })
      },
    },
  }
}
