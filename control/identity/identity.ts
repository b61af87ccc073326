import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { controlSpiffeId, type IssuedCertificate, spiffeIdOf, type TrustedRoots } from '../../protocol/identity.ts'
import type { MeshConfig } from '../../protocol/mesh-config/config.ts'
import { proveByCertificate } from '../../runtime/certificate-proof.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { IdentityInForce } from '../publish/sections.ts'
import type { IdentityStore } from '../state/identity-store.ts'
import type { Authorities } from './authorities.ts'
import { issueLeaf, pinOf, serialNumber } from './certificates.ts'
import type { IdentityEvents } from './events.ts'
import { issuingRoot, lastingRoot, type RotationLimits } from './rotation.ts'

export interface TlsIdentity {
  /** Leaf first, the root last: who knows nothing yet can compare it with a pin. */
  cert: string
  key: string
  /** Roots that certificates of proxies are followed to. */
  ca: string[]
}

export type IssueRefusal = { status: 'refused'; why: 'locked' | 'unknown-service'; reason: string; hint: string }
export type Issue = { status: 'issued'; issued: IssuedCertificate } | IssueRefusal

export interface IssueOrder {
  service: string
  /** SubjectPublicKeyInfo, DER, of a request that was checked. */
  publicKey: Buffer
  proof: { token: string } | { serial: string }
  peer: string
}

/** Who is who in the mesh: what is trusted, who gets a certificate, and how the root changes. */
export interface Identity {
  readonly authorities: Authorities
  /** What goes into section `identity` of every proxy, beside its own name. */
  inForce(): IdentityInForce
  trustedRoots(): TrustedRoots
  /** SHA-256 (base64url) of the root that join tokens made now are to be pinned to. */
  pin(): string
  /** Whether a service or gateway of this name can have a certificate. */
  knows(service: string): boolean
  issue(order: IssueOrder): Promise<Issue>
  rotate(): Promise<{ status: 'begun'; root: string } | { status: 'refused'; reason: string; hint: string }>
  reset(): Promise<{ status: 'done'; root: string } | { status: 'refused'; reason: string; hint: string }>
  /** Moves on what time moves on; to be called about once a second. */
  look(): void
  /** Control's own, when it has one; renewed at half of its life. */
  readonly tls: TlsIdentity | undefined
  readonly tlsUntilMs: number | undefined
  /** Proves to `audience` that control speaks; undefined while it has no certificate. */
  prove(audience: string): Promise<string | undefined>
}

export interface IdentityParts {
  store: IdentityStore
  authorities: Authorities
  clock: Clock
  randomBytes(count: number): Buffer
  mesh(): MeshConfig
  dc: string
  leafLifetimeMs: number
  limits: RotationLimits
  /** DNS names and addresses that control is asked by. */
  hosts: { dns: readonly string[]; ips: readonly string[] }
  /** Proxies that have not applied an epoch. */
  behind(epoch: number): string[]
  /** Writes section `identity` anew for everybody; gives its epoch. */
  publish(): number
  onTls(tls: TlsIdentity): void
  events: IdentityEvents
}

/** Resolves once control has a certificate of its own, or the reason why not is told. */
export async function createIdentity(parts: IdentityParts): Promise<Identity> {
  const { store, authorities, clock, randomBytes, events } = parts
  let tls: TlsIdentity | undefined
  let renewAtMs = 0
  let tlsUntilMs: number | undefined
  let tlsIssuer = ''
  let tlsFor = ''
  let renewing: Promise<void> | undefined
  let trusted = ''
  let toldLocked = ''

  const roots = () => authorities.trusted().map(({ certificate }) => certificate)
  const knows = (service: string) => {
    const { services, gateways } = parts.mesh()
    const found = services.get(service)
    return found === undefined ? gateways.has(service) : found.outside === undefined
  }
  const sign = (
    names: Parameters<typeof issueLeaf>[1]['names'],
    publicKey: Buffer,
    authority: Parameters<typeof issueLeaf>[0],
  ) =>
    issueLeaf(authority, {
      names,
      publicKey,
      nowMs: clock.wall(),
      lifetimeMs: parts.leafLifetimeMs,
      serial: serialNumber(randomBytes(16)),
    })

  const renewOwn = async () => {
    const issuing = authorities.issuing(clock.wall())
    if (issuing.status === 'locked') {
      if (toldLocked !== issuing.reason) events.locked(issuing.reason, issuing.hint)
      toldLocked = issuing.reason
      return
    }
    toldLocked = ''
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const { trustDomain } = parts.mesh()
    const names = { spiffeId: controlSpiffeId(trustDomain), ...parts.hosts }
    const leaf = await sign(names, publicKey.export({ format: 'der', type: 'spki' }), issuing.authority)
    tlsUntilMs = leaf.notAfterMs
    tlsFor = trustDomain
    tlsIssuer = issuing.authority.fingerprint
    renewAtMs = clock.wall() + (leaf.notAfterMs - clock.wall()) / 2
    trusted = roots().join('')
    tls = {
      cert: leaf.chain + issuing.authority.root,
      key: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
      ca: roots(),
    }
    parts.onTls(tls)
    events.ownCertificate(leaf.notAfterMs)
  }
  /** Also when the clock was set, in either direction: what counts is that now lies within the first half of its life. */
  const ownIsDue = () =>
    tls === undefined ||
    clock.wall() >= renewAtMs ||
    clock.wall() < renewAtMs - parts.leafLifetimeMs ||
    tlsFor !== parts.mesh().trustDomain ||
    tlsIssuer !== issuingRoot(authorities.rotation)
  const keepOwn = () => {
    if (tls && trusted !== roots().join('')) {
      trusted = roots().join('')
      tls = { ...tls, ca: roots() }
      parts.onTls(tls)
    }
    if (renewing || !ownIsDue()) return
    renewing = renewOwn()
      .catch((error: Error) => events.ownCertificateFailed(error.message))
      .finally(() => {
        renewing = undefined
      })
  }
  const lookAtRotation = () => {
    const { rotation } = authorities
    if (rotation.step === 'steady') return
    const behind = rotation.step === 'spreading' ? parts.behind(rotation.epoch) : []
    const looked = authorities.look({ nowMs: clock.wall(), behind, limits: parts.limits })
    if (looked.status === 'stays') return
    parts.publish()
    events.rotated(looked.rotation.step, looked.why, looked.leftBehind ?? [])
  }

  keepOwn()
  await renewing
  return {
    authorities,
    inForce: () => ({ dc: parts.dc, roots: roots(), issuer: issuingRoot(authorities.rotation) }),
    trustedRoots: () => ({ trustDomain: parts.mesh().trustDomain, dc: parts.dc, roots: roots() }),
    pin() {
      const lasting = lastingRoot(authorities.rotation)
      return pinOf(authorities.trusted().find(({ fingerprint }) => fingerprint === lasting)!.certificate)
    },
    knows,
    async issue({ service, publicKey, proof, peer }) {
      const issuing = authorities.issuing(clock.wall())
      if (issuing.status === 'locked') {
        const { reason, hint } = issuing
        return { status: 'refused', why: 'locked', reason, hint }
      }
      const { trustDomain } = parts.mesh()
      const spiffeId = spiffeIdOf({ trustDomain, dc: parts.dc }, service)
      const leaf = await sign({ spiffeId }, publicKey, issuing.authority)
      const renews = 'serial' in proof ? proof.serial : undefined
      const said = 'serial' in proof ? 'certificate' : `token ${proof.token}`
      store.issued(
        {
          serial: leaf.serial,
          service,
          instance: renews === undefined ? null : (store.certificate(renews)?.instance ?? null),
          issuer: issuing.authority.fingerprint,
          notAfterMs: leaf.notAfterMs,
          proof: said,
          peer,
        },
        renews,
      )
      const { serial, notAfterMs } = leaf
      events.issued({ service, spiffeId, proof: said, serial, notAfterMs }, renews !== undefined)
      return {
        status: 'issued',
        issued: {
          spiffeId,
          chain: leaf.chain,
          roots: roots(),
          issuer: issuing.authority.fingerprint,
          notBefore: new Date(leaf.notBeforeMs).toISOString(),
          notAfter: new Date(leaf.notAfterMs).toISOString(),
        },
      }
    },
    async rotate() {
      const begun = await authorities.begin(clock.wall())
      if (begun.status === 'refused') return begun
      authorities.spread(parts.publish())
      events.rotated('spreading', 'a new root is told to every proxy, beside the old one', [])
      keepOwn()
      return begun
    },
    async reset() {
      const done = await authorities.reset(clock.wall())
      if (done.status === 'refused') return done
      parts.publish()
      events.rootMade(done.root)
      keepOwn()
      return done
    },
    look() {
      lookAtRotation()
      keepOwn()
    },
    get tls() {
      return tls
    },
    get tlsUntilMs() {
      return tlsUntilMs
    },
    async prove(audience) {
      return tls && (await proveByCertificate({ chainPem: tls.cert, keyPem: tls.key }, audience, clock.wall()))
    },
  }
}

/** SHA-256 of a public key (DER), hex: what the use of a token is bound to. */
export function keyDigest(publicKey: Buffer): string {
  return createHash('sha256').update(publicKey).digest('hex')
}

/** Days until a certificate ends. */
export function daysLeft(pem: string, nowMs: number): number {
  return (new X509Certificate(pem).validToDate.getTime() - nowMs) / 86_400_000
}
