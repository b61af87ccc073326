import { generateKeyPairSync } from 'node:crypto'
import { controlSpiffeId } from '../../protocol/identity.ts'
import { proveByCertificate } from '../../runtime/certificate-proof.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Authorities } from './authorities.ts'
import type { Authority, Leaf, LeafNames } from './certificates.ts'
import type { IdentityEvents } from './events.ts'
import { lastingRoot } from './rotation.ts'

export interface TlsIdentity {
  /** Leaf first, the root last: who knows nothing yet can compare it with a pin. */
  cert: string
  key: string
  /** Roots that certificates of proxies are followed to. */
  ca: string[]
}

/** Control's own certificate and key: in memory only, renewed at half of its life, and when the roots or its name change. */
export interface OwnCertificate {
  readonly tls: TlsIdentity | undefined
  readonly untilMs: number | undefined
  /** To be called about once a second. Resolves when what was due is done, or told to have failed. */
  look(): Promise<void>
  /** Proves to `audience` that control speaks; undefined while it has no certificate. */
  prove(audience: string): Promise<string | undefined>
}

export function ownCertificate(parts: {
  authorities: Authorities
  clock: Clock
  sign(names: LeafNames, publicKey: Buffer, authority: Authority): Promise<Leaf>
  trustDomain(): string
  hosts: { dns: readonly string[]; ips: readonly string[] }
  lifetimeMs: number
  onTls(tls: TlsIdentity): void
  events: Pick<IdentityEvents, 'locked' | 'ownCertificate' | 'ownCertificateFailed'>
}): OwnCertificate {
  const { authorities, clock, events } = parts
  let tls: TlsIdentity | undefined
  let untilMs: number | undefined
  let renewAtMs = 0
  /** What it was made with: another of these, and it is made anew. */
  let madeFor = ''
  let renewing: Promise<void> | undefined
  let toldLocked = ''

  const roots = () => authorities.trusted().map(({ certificate }) => certificate)
  const wantedFor = () => {
    const { rotation } = authorities
    return `${parts.trustDomain()} ${lastingRoot(rotation)} ${rotation.step === 'steady' ? 'alone' : 'taking over'}`
  }
  const renew = async () => {
    const issuing = authorities.issuingOwn(clock.wall())
    if (issuing.status === 'locked') {
      if (toldLocked !== issuing.reason) events.locked(issuing.reason, issuing.hint)
      toldLocked = issuing.reason
      return
    }
    toldLocked = ''
    const making = wantedFor()
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const names = { spiffeId: controlSpiffeId(parts.trustDomain()), ...parts.hosts }
    const leaf = await parts.sign(names, publicKey.export({ format: 'der', type: 'spki' }), issuing.authority)
    madeFor = making
    untilMs = leaf.notAfterMs
    renewAtMs = clock.wall() + (leaf.notAfterMs - clock.wall()) / 2
    const key = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
    tls = { cert: leaf.chain + issuing.authority.root, key, ca: roots() }
    parts.onTls(tls)
    events.ownCertificate(leaf.notAfterMs)
  }
  /** Also when the clock was set, in either direction: what counts is that now lies within the first half of its life. */
  const isDue = () =>
    tls === undefined ||
    clock.wall() >= renewAtMs ||
    clock.wall() < renewAtMs - parts.lifetimeMs ||
    madeFor !== wantedFor()
  return {
    get tls() {
      return tls
    },
    get untilMs() {
      return untilMs
    },
    async look() {
      if (tls && tls.ca.join('') !== roots().join('')) {
        tls = { ...tls, ca: roots() }
        parts.onTls(tls)
      }
      if (!renewing && isDue())
        renewing = renew()
          .catch((error: Error) => events.ownCertificateFailed(error.message))
          .finally(() => {
            renewing = undefined
          })
      await renewing
    },
    async prove(audience) {
      return tls && (await proveByCertificate({ chainPem: tls.cert, keyPem: tls.key }, audience, clock.wall()))
    },
  }
}
