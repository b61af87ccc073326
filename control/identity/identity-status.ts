import { X509Certificate } from 'node:crypto'
import Type, { type Static } from 'typebox'
import type { IdentityStore } from '../state/identity-store.ts'
import { pinOf } from './certificates.ts'
import type { Identity } from './identity.ts'
import { issuingRoot } from './rotation.ts'

const OrNull = Type.Union([Type.String(), Type.Null()])

export const HeldCertificate = Type.Object({
  service: Type.String(),
  /** Null: its proxy has not opened a stream over TLS yet. */
  instance: OrNull,
  serial: Type.String(),
  /** Fingerprint of its root. */
  issuer: Type.String(),
  until: Type.String(),
  /** `token <id>` or `certificate`. */
  proof: Type.String(),
})
export type HeldCertificate = Static<typeof HeldCertificate>

/** How the certificate authority stands. Times are ISO 8601. */
export const AuthorityStatus = Type.Object({
  kind: Type.Union([Type.Literal('built-in'), Type.Literal('outside')]),
  /** Why nothing can be issued now, and what to do; null: all is well. */
  locked: Type.Union([Type.Null(), Type.Object({ reason: Type.String(), hint: Type.String() })]),
  step: Type.Union([Type.Literal('steady'), Type.Literal('spreading'), Type.Literal('renewing')]),
  roots: Type.Array(
    Type.Object({
      fingerprint: Type.String(),
      /** What the third part of a join token must be. */
      pin: Type.String(),
      subject: Type.String(),
      until: Type.String(),
      /** Certificates come from it. */
      issues: Type.Boolean(),
      /** Certificates of it that are valid now. */
      certificates: Type.Integer(),
      /** The last certificate that it leads to ends then; null: none was issued. */
      certificatesUntil: OrNull,
    }),
  ),
  /** While a new root is spreading: who has not applied it; at most 100. */
  behind: Type.Array(Type.String()),
  /** Of control itself. */
  own: Type.Object({ until: OrNull }),
  services: Type.Array(
    Type.Object({
      service: Type.String(),
      certificates: Type.Integer(),
      /** Of these, from a root that goes. */
      ofOldRoot: Type.Integer(),
      /** The soonest to end. */
      until: Type.String(),
    }),
  ),
  /** Soonest to end first; at most 1000. */
  certificates: Type.Array(HeldCertificate),
})
export type AuthorityStatus = Static<typeof AuthorityStatus>

const BEHIND_MAX = 100
const CERTIFICATES_MAX = 1000

export function identityStatus(
  identity: Identity,
  store: IdentityStore,
  behind: (epoch: number) => string[],
  nowMs: number,
): AuthorityStatus {
  const { authorities } = identity
  const { rotation } = authorities
  const issuer = issuingRoot(rotation)
  const issuing = authorities.issuing(nowMs)
  const counts = store.counts(nowMs)
  const kept = new Map(store.roots().map(root => [root.fingerprint, root]))
  const byService = Map.groupBy(counts, ({ service }) => service)
  return {
    kind: authorities.kind,
    locked: issuing.status === 'locked' ? { reason: issuing.reason, hint: issuing.hint } : null,
    step: rotation.step,
    roots: authorities.trusted().map(({ fingerprint, certificate }) => {
      const { subject, validToDate } = new X509Certificate(certificate)
      const untilMs = kept.get(fingerprint)?.leavesUntilMs ?? 0
      return {
        fingerprint,
        pin: pinOf(certificate),
        subject: subject.replaceAll('\n', ', '),
        until: validToDate.toISOString(),
        issues: fingerprint === issuer,
        certificates: sum(counts.filter(count => count.issuer === fingerprint)),
        certificatesUntil: untilMs === 0 ? null : iso(untilMs),
      }
    }),
    behind: rotation.step === 'spreading' ? behind(rotation.epoch).slice(0, BEHIND_MAX) : [],
    own: { until: identity.own.untilMs === undefined ? null : iso(identity.own.untilMs) },
    services: [...byService].map(([service, found]) => ({
      service,
      certificates: sum(found),
      ofOldRoot: sum(found.filter(count => count.issuer !== issuer)),
      until: iso(Math.min(...found.map(({ untilMs }) => untilMs))),
    })),
    certificates: heldCertificates(store, nowMs, CERTIFICATES_MAX),
  }
}

/** Who holds which certificate until when, soonest to end first. */
export function heldCertificates(
  store: Pick<IdentityStore, 'certificates'>,
  nowMs: number,
  limit: number,
): HeldCertificate[] {
  return store.certificates(nowMs, limit).map(({ service, instance, serial, issuer, notAfterMs, proof }) => ({
    service,
    instance,
    serial,
    issuer,
    until: iso(notAfterMs),
    proof,
  }))
}

function sum(counts: readonly { certificates: number }[]): number {
  return counts.reduce((total, { certificates }) => total + certificates, 0)
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
