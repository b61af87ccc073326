import Type, { type Static } from 'typebox'

/**
 * Who a proxy or the collector is and whom it trusts: section `identity` of the snapshot, and what passes between a proxy and control's certificate
 * authority. The names in it: identity.ts.
 */

const Pem = Type.String({ minLength: 1, maxLength: 64 * 1024 })

/** Section `identity`. */
export const Identity = Type.Object({
  trustDomain: Type.String({ minLength: 1, maxLength: 255 }),
  dc: Type.String({ minLength: 1, maxLength: 63 }),
  /** The proxy's own id. */
  spiffeId: Type.String({ minLength: 1, maxLength: 2048 }),
  /** Every root that is trusted now, PEM, one certificate each: two while the root is being rotated. */
  roots: Type.Array(Pem, { maxItems: 16 }),
  /** Fingerprint (SHA-256, hex) of the root that certificates come from now: a proxy whose own comes from another one renews it soon. */
  issuer: Type.String({ minLength: 64, maxLength: 64 }),
})
export type Identity = Static<typeof Identity>

/** GET /v1/identity/roots, for everybody: what is checked against the pin of a join token. */
export const TrustedRoots = Type.Object({
  trustDomain: Type.String(),
  dc: Type.String(),
  roots: Type.Array(Pem),
  /** As in Identity, for who hears no snapshots; an older control does not say it. */
  issuer: Type.Optional(Type.String({ minLength: 64, maxLength: 64 })),
})
export type TrustedRoots = Static<typeof TrustedRoots>

/** POST /v1/identity/certificates, proved by a join token (`authorization: Bearer`) or by the certificate that is to be renewed. */
export const CertificateRequest = Type.Object({
  /** A service or gateway, or COLLECTOR. */
  service: Type.String({ minLength: 1, maxLength: 253 }),
  /** PKCS #10, PEM. Only its key counts: the names in the certificate are control's to give. */
  csr: Type.String({ minLength: 1, maxLength: 16 * 1024 }),
})
export type CertificateRequest = Static<typeof CertificateRequest>

export const IssuedCertificate = Type.Object({
  spiffeId: Type.String(),
  /** Leaf first, then what leads to the root, without the root. PEM, in one text as TLS libraries want it. */
  chain: Pem,
  roots: Type.Array(Pem),
  /** Fingerprint of the root that it comes from, as in Identity. */
  issuer: Type.String(),
  notBefore: Type.String(),
  notAfter: Type.String(),
})
export type IssuedCertificate = Static<typeof IssuedCertificate>

/** What is kept on disk of a certificate: with its key, so that they always fit each other. */
export const KeptCertificate = Type.Intersect([
  IssuedCertificate,
  Type.Object({
    keyPem: Type.String(),
    trustDomain: Type.String(),
    dc: Type.String(),
    receivedMs: Type.Number(),
  }),
])
