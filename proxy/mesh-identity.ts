import { connectionToControl, meshConnector } from '../credentials/connection.ts'
import { keptCredentials } from '../credentials/kept.ts'
import { keepRenewed, type Renewal } from '../credentials/renewal.ts'
import { COLLECTOR_AUDIENCE } from '../protocol/identity.ts'
import { proveByCertificate } from '../runtime/certificate-proof.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { CertificateView } from './admin/view.ts'
import type { ProxySettings } from './config.ts'
import { controlUrlOf, identityFile } from './control-url.ts'
import type { LoadedTls } from './gateway-tls/load.ts'
import type { Role } from './role.ts'
import type { Policy, PolicyInForce } from './route/policy.ts'
import type { SubscriptionParts } from './route/subscription.ts'

const CONNECT_TIMEOUT_MS = 2000
const HOW_TO_JOIN =
  'make one with `trimtab token create` and start the proxy with TRIMTAB_PROXY_JOIN_TOKEN or --join-token-file'

/**
 * Who this proxy is in the mesh, kept renewed; undefined where nobody could say: it stands alone, or control is reached over http. Then it
 * takes and sends clear text, and what is reached by mTLS alone is not reached.
 */
export function meshIdentity(
  role: Role,
  settings: ProxySettings,
  parts: { policy: PolicyInForce; clock: Clock; random: () => number; log: Log },
): Renewal | undefined {
  const controlUrl = controlUrlOf(settings)
  if (role.kind === 'alone' || new URL(controlUrl).protocol !== 'https:') return undefined
  const { data, joinToken, tlsMin } = settings
  const { service } = role
  const kept = data === undefined ? undefined : keptCredentials(identityFile(data), service)
  const identity = keepRenewed({
    controlUrl,
    member: service,
    token: () => joinToken,
    howToJoin: HOW_TO_JOIN,
    kept,
    minVersion: `TLSv${tlsMin}`,
    ...parts,
  })
  // What the last good snapshot says of roots is not newer than what was kept with the certificate.
  const { identity: lastGood } = parts.policy.current
  parts.policy.onReplace(({ identity: told }) => {
    if (told !== undefined && told !== lastGood) identity.heard(told)
  })
  return identity
}

/** What the admin interface tells of certificates. */
export function certificatesShown(
  identity: Renewal | undefined,
  gateway: LoadedTls | undefined,
  { listener }: Policy,
  settings: ProxySettings,
): CertificateView[] {
  const shown = (gateway?.shown ?? []).map(
    ({ path, chainPem }): CertificateView => ({
      use: 'gateway',
      chainPem,
      roots: gateway?.clientRoots ?? [],
      path,
      minVersion: `TLSv${listener?.tls?.minVersion ?? '1.2'}`,
      requireClientCertificate: listener?.tls?.requireClientCertificate ?? false,
    }),
  )
  const current = identity?.current
  if (current === undefined) return shown
  return [
    ...shown,
    {
      use: 'mesh',
      chainPem: current.chainPem,
      roots: current.roots,
      path: settings.data === undefined ? '<inline>' : identityFile(settings.data),
      minVersion: `TLSv${settings.tlsMin}`,
      requireClientCertificate: true,
    },
  ]
}

/** How control's snapshot stream is opened by who has an identity. */
export function secureStream(identity: Renewal | undefined, wall: () => number): SubscriptionParts['secure'] {
  if (identity === undefined) return undefined
  const ready =
    identity.current !== undefined
      ? Promise.resolve()
      : new Promise<void>(resolve => identity.onChange(() => resolve()))
  const connector = meshConnector(() => {
    const own = identity.current!
    return connectionToControl(own, own, wall)
  }, CONNECT_TIMEOUT_MS)
  return { connector, ready }
}

/** Proves to the collector whose reports these are; undefined where there is no certificate to prove it with. */
export async function proofToCollector(identity: Renewal | undefined, wall: () => number): Promise<string | undefined> {
  const own = identity?.current
  return own === undefined ? undefined : await proveByCertificate(own, COLLECTOR_AUDIENCE, wall())
}

/** What /ready says of it; undefined where nothing asks for an identity. */
export function identityCheck(
  identity: Renewal | undefined,
  { listener, upstreams }: Policy,
): { ok: boolean; detail: string } | undefined {
  if (identity !== undefined) return identity.told()
  const secured = [...upstreams.values()].filter(({ upstream }) => upstream.peerSpiffeId !== undefined).length
  if (secured === 0 && (listener === undefined || listener.mtls !== 'strict' || listener.kind === 'gateway'))
    return undefined
  const refuses =
    listener?.mtls === 'strict' && listener.kind !== 'gateway' ? ' and refuses every call to its service' : ''
  const unreached = secured === 0 ? '' : `; ${secured} services that want mTLS cannot be reached`
  return {
    ok: false,
    detail: `control is reached over http, so this proxy has no certificate${refuses}${unreached}: give it the https address of control and a join token`,
  }
}
