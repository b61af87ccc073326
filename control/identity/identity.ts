import { createHash, X509Certificate } from 'node:crypto'
import type { IssuedCertificate, TrustedRoots } from '../../protocol/credentials.ts'
import { COLLECTOR, memberSpiffeId } from '../../protocol/identity.ts'
import type { MeshConfig } from '../../protocol/mesh-config/config.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { IdentityInForce } from '../publish/sections.ts'
import type { IdentityStore } from '../state/identity-store.ts'
import type { Authorities } from './authorities.ts'
import { issueLeaf, pinOf, serialNumber } from './certificates.ts'
import type { IdentityEvents } from './events.ts'
import { type OwnCertificate, ownCertificate, type TlsIdentity } from './own-certificate.ts'
import { issuingRoot, lastingRoot, type RotationLimits } from './rotation.ts'

export type IssueRefusal = { status: 'refused'; why: 'locked' | 'unknown-service'; reason: string; hint: string }
export type Issue = { status: 'issued'; issued: IssuedCertificate } | IssueRefusal

export interface IssueOrder {
  /** Or COLLECTOR. */
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
  /** Whether a service or gateway of this name can have a certificate; COLLECTOR can. */
  knows(service: string): boolean
  issue(order: IssueOrder): Promise<Issue>
  rotate(): Promise<{ status: 'begun'; root: string } | { status: 'refused'; reason: string; hint: string }>
  reset(): Promise<{ status: 'done'; root: string } | { status: 'refused'; reason: string; hint: string }>
  /** Notes whose a certificate is. For people only: what cannot be written is not known. */
  heldBy(serial: string, instance: string): void
  /** Whether a certificate was signed by what we trust, whatever the time. */
  issuedHere(der: Buffer): boolean
  /** Moves on what time moves on; to be called about once a second. */
  look(): void
  readonly own: OwnCertificate
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
  /** Those that collectors are asked by: what applications and people check that send to them over https. */
  collectorHosts: { dns: readonly string[]; ips: readonly string[] }
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

  const roots = () => authorities.trusted().map(({ certificate }) => certificate)
  const knows = (service: string) => {
    if (service === COLLECTOR) return true
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

  const own = ownCertificate({
    authorities,
    clock,
    sign,
    trustDomain: () => parts.mesh().trustDomain,
    hosts: parts.hosts,
    lifetimeMs: parts.leafLifetimeMs,
    onTls: parts.onTls,
    events,
  })
  const lookAtRotation = () => {
    const { rotation } = authorities
    if (rotation.step === 'steady') return
    const behind = rotation.step === 'spreading' ? parts.behind(rotation.epoch) : []
    const looked = authorities.look({ nowMs: clock.wall(), behind, limits: parts.limits })
    if (looked.status === 'stays') return
    parts.publish()
    events.rotated(looked.rotation.step, looked.why, looked.leftBehind ?? [])
  }

  await own.look()
  return {
    authorities,
    inForce: () => ({ dc: parts.dc, roots: roots(), issuer: issuingRoot(authorities.rotation) }),
    trustedRoots: () => ({
      trustDomain: parts.mesh().trustDomain,
      dc: parts.dc,
      roots: roots(),
      issuer: issuingRoot(authorities.rotation),
    }),
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
      const spiffeId = memberSpiffeId({ trustDomain, dc: parts.dc }, service)
      // Its names are ours to say: who could ask for any could pose as control before a browser.
      const hosts = service === COLLECTOR ? parts.collectorHosts : {}
      const leaf = await sign({ spiffeId, ...hosts }, publicKey, issuing.authority)
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
    heldBy(serial, instance) {
      try {
        store.holds(serial, instance)
      } catch {
        // The state store tells by itself that the disk refuses.
      }
    },
    issuedHere(der) {
      const certificate = new X509Certificate(der)
      const issuing = authorities.issuing(clock.wall())
      const signers = [...roots(), ...(issuing.status === 'ready' ? [issuing.authority.certificate] : [])]
      return signers
        .map(pem => new X509Certificate(pem))
        .some(signer => certificate.checkIssued(signer) && certificate.verify(signer.publicKey))
    },
    async rotate() {
      const begun = await authorities.begin(clock.wall())
      if (begun.status === 'refused') return begun
      authorities.spread(parts.publish())
      events.rotated('spreading', 'a new root is told to every proxy, beside the old one', [])
      void own.look()
      return begun
    },
    async reset() {
      const done = await authorities.reset(clock.wall())
      if (done.status === 'refused') return done
      parts.publish()
      events.rootMade(done.root)
      void own.look()
      return done
    },
    look() {
      try {
        lookAtRotation()
      } catch (error) {
        events.rotationStuck((error as Error).message)
      }
      void own.look()
    },
    own,
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
