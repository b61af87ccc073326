import { createHash, type KeyObject, type webcrypto, X509Certificate } from 'node:crypto'
import * as x509 from '../../runtime/x509.ts'

/** The certificates of the mesh: RFC 5280 as SPIFFE's X509-SVID narrows it. What stands in one is pure; signing is the one effect. */

/** What signs leaves, and what leads from there to the root that others trust. */
export interface Authority {
  /** PEM. The root itself when there is no intermediate. */
  certificate: string
  key: webcrypto.CryptoKey
  /** PEM, from `certificate` upward, without the root. Empty when the root signs. */
  intermediates: readonly string[]
  /** PEM. */
  root: string
  /** Of the root: SHA-256 of its DER, hex. */
  fingerprint: string
}

export interface LeafNames {
  spiffeId: string
  /** For control and collectors only, which browsers, curl and senders of spans look at: a proxy is known by its SPIFFE id alone. */
  dns?: readonly string[]
  ips?: readonly string[]
}

export interface LeafOrder {
  names: LeafNames
  /** SubjectPublicKeyInfo, DER: of a request that was checked. */
  publicKey: Buffer
  nowMs: number
  lifetimeMs: number
  /** From `serialNumber`. */
  serial: string
}

export interface Leaf {
  /** Leaf first, then the intermediates; PEM. */
  chain: string
  serial: string
  notBeforeMs: number
  notAfterMs: number
}

/**
 * A peer whose clock goes after ours must not find a new certificate not yet valid. Of a short-lived one only a tenth of its life: half of
 * the time between its two dates must lie ahead of its birth, for that is when it is renewed.
 */
const BACKDATE_MS = 60_000
const BACKDATE_SHARE = 0.1
const ROOT_BACKDATE_MS = 3_600_000
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' } as const

/** A new self-signed root, EC P-256. `serial` also tells roots of one mesh apart by name, so that a chain can only be built one way. */
export async function makeRoot(root: {
  trustDomain: string
  nowMs: number
  lifetimeMs: number
  serial: string
}): Promise<{ certificate: string; key: webcrypto.CryptoKey }> {
  const keys = await crypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: root.serial,
    // A common name has at most 64 characters (RFC 5280, ub-common-name).
    name: [{ O: ['Trimtab'] }, { CN: [`${root.trustDomain.slice(0, 40)} root ${root.serial.slice(0, 8)}`] }],
    notBefore: seconds(root.nowMs - ROOT_BACKDATE_MS),
    notAfter: seconds(root.nowMs + root.lifetimeMs),
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${root.trustDomain}` }]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: pemOf(certificate), key: keys.privateKey }
}

/**
 * The new root's key, certified by the old root: who trusts the old one alone can follow a chain from the new one to it. PEM.
 * Lasts as long as the shorter-lived of the two.
 */
export async function crossCertify(old: Authority, root: string, nowMs: number, serial: string): Promise<string> {
  const [issuer, subject] = [new x509.X509Certificate(old.certificate), new x509.X509Certificate(root)]
  const notAfterMs = Math.min(issuer.notAfter.getTime(), subject.notAfter.getTime())
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject: subject.subjectName,
    issuer: issuer.subjectName,
    notBefore: seconds(Math.max(nowMs - ROOT_BACKDATE_MS, issuer.notBefore.getTime())),
    notAfter: seconds(notAfterMs),
    publicKey: subject.publicKey,
    signingKey: old.key,
    signingAlgorithm: { name: old.key.algorithm.name, hash: 'SHA-256' },
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(subject.publicKey),
      await authorityKeyIdentifier(issuer),
    ],
  })
  return pemOf(certificate)
}

/** Signs a leaf. Throws when the authority's own certificate is not valid at `nowMs`: the caller has looked before. */
export async function issueLeaf(authority: Authority, order: LeafOrder): Promise<Leaf> {
  const issuer = new x509.X509Certificate(authority.certificate)
  const { notBefore, notAfter } = leafValidity(issuer, order)
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: order.serial,
    issuer: issuer.subjectName,
    notBefore,
    notAfter,
    publicKey: order.publicKey,
    signingKey: authority.key,
    signingAlgorithm: { name: authority.key.algorithm.name, hash: 'SHA-256' },
    extensions: [...leafExtensions(order.names), ...(await keyIdentifiers(order, issuer))],
  })
  return {
    chain: [pemOf(certificate), ...authority.intermediates].join(''),
    serial: order.serial,
    notBeforeMs: notBefore.getTime(),
    notAfterMs: notAfter.getTime(),
  }
}

/** Never longer than its issuer: a chain is as short-lived as its shortest link. */
function leafValidity(issuer: x509.X509Certificate, { nowMs, lifetimeMs }: LeafOrder) {
  if (nowMs < issuer.notBefore.getTime() || nowMs >= issuer.notAfter.getTime())
    throw new Error(
      `the issuing certificate ${issuer.subject} is not valid now (until ${issuer.notAfter.toISOString()})`,
    )
  const backdateMs = Math.min(BACKDATE_MS, lifetimeMs * BACKDATE_SHARE)
  return {
    notBefore: seconds(Math.max(nowMs - backdateMs, issuer.notBefore.getTime())),
    notAfter: seconds(Math.min(nowMs + lifetimeMs, issuer.notAfter.getTime())),
  }
}

/** The subject is empty, so the names must be critical (RFC 5280 section 4.2.1.6). */
function leafExtensions({ spiffeId, dns = [], ips = [] }: LeafNames): x509.Extension[] {
  const names: x509.JsonGeneralNames = [
    { type: 'url', value: spiffeId },
    ...dns.map(value => ({ type: 'dns', value }) as const),
    ...ips.map(value => ({ type: 'ip', value }) as const),
  ]
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
    new x509.SubjectAlternativeNameExtension(names, true),
  ]
}

async function keyIdentifiers({ publicKey }: LeafOrder, issuer: x509.X509Certificate): Promise<x509.Extension[]> {
  return [
    await x509.SubjectKeyIdentifierExtension.create(new x509.PublicKey(publicKey)),
    await authorityKeyIdentifier(issuer),
  ]
}

/** The identifier that the issuer has, not one that we would give it: chains are built by comparing the two. */
async function authorityKeyIdentifier(issuer: x509.X509Certificate): Promise<x509.Extension> {
  const known = issuer.getExtension(x509.SubjectKeyIdentifierExtension)
  return known
    ? new x509.AuthorityKeyIdentifierExtension(known.keyId)
    : await x509.AuthorityKeyIdentifierExtension.create(issuer)
}

/** A positive serial number of 126 random bits (RFC 5280 section 4.1.2.2), hex. `random`: 16 bytes from a generator fit for keys. */
export function serialNumber(random: Buffer): string {
  const bytes = Buffer.from(random)
  // Neither negative, nor shortened for a leading zero.
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes.toString('hex')
}

/** SHA-256 of a certificate's DER, hex: as in section `identity`. Throws on what is no certificate. */
export function fingerprintOf(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('hex')
}

/** The same as base64url: the pin of a join token. */
export function pinOf(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('base64url')
}

/** The key as WebCrypto wants it, for signing certificates. Undefined: of a kind that we do not sign with. */
export function signingKeyOf(key: KeyObject): webcrypto.CryptoKey | undefined {
  const { namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa')
    return key.toCryptoKey({ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['sign'])
  const curve = namedCurve === undefined ? undefined : webCurves[namedCurve]
  if (key.asymmetricKeyType !== 'ec' || curve === undefined) return undefined
  return key.toCryptoKey({ name: 'ECDSA', namedCurve: curve }, false, ['sign'])
}

const webCurves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384' }

/** Certificates count whole seconds: cut down, so that what we say of one is what stands in it. */
function seconds(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000)
}

function pemOf(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`
}
