import { KeyObject, randomBytes, type webcrypto } from 'node:crypto'
import {
  type Authority,
  fingerprintOf,
  issueLeaf,
  type LeafNames,
  makeRoot,
  serialNumber,
} from '../../control/identity/certificates.ts'
import { BasicConstraintsExtension, Pkcs10CertificateRequestGenerator } from '../../runtime/x509.ts'

export const keyKinds = {
  p256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  p384: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  p521: { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
  sha1: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-1' },
  ed25519: { name: 'Ed25519' },
  rsa2048: rsa(2048),
  rsa1024: rsa(1024),
} as const

function rsa(modulusLength: number) {
  return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength, publicExponent: new Uint8Array([1, 0, 1]) }
}

export interface Asked {
  csr: string
  /** PKCS #8, PEM. */
  key: string
  /** SubjectPublicKeyInfo, DER. */
  publicKey: Buffer
}

/** A certificate request that asks for everything it must not get: a name of its own choice, and to be a CA. */
export async function askForCertificate(kind: keyof typeof keyKinds = 'p256'): Promise<Asked> {
  const algorithm = keyKinds[kind]
  const keys = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=somebody-else',
    keys,
    signingAlgorithm: algorithm,
    extensions: [new BasicConstraintsExtension(true)],
  })
  return {
    csr: csr.toString('pem'),
    key: KeyObject.from(keys.privateKey).export({ format: 'pem', type: 'pkcs8' }) as string,
    publicKey: KeyObject.from(keys.publicKey).export({ format: 'der', type: 'spki' }) as Buffer,
  }
}

export interface TestAuthority extends Authority {
  /** A certificate and its key, for whom it names. */
  certify(
    names: LeafNames,
    order?: { nowMs?: number; lifetimeMs?: number; kind?: keyof typeof keyKinds },
  ): Promise<{ chain: string; key: string }>
}

/** A root that is its own issuer, as control makes one at first start. */
export async function testAuthority(trustDomain = 'demo.mesh', nowMs = Date.now()): Promise<TestAuthority> {
  const { certificate, key } = await makeRoot({
    trustDomain,
    nowMs,
    lifetimeMs: 10 * 365 * 86_400_000,
    serial: serialNumber(randomBytes(16)),
  })
  const authority: Authority = {
    certificate,
    key,
    intermediates: [],
    root: certificate,
    fingerprint: fingerprintOf(certificate),
  }
  return {
    ...authority,
    async certify(names, { nowMs: atMs = nowMs, lifetimeMs = 3_600_000, kind = 'p256' } = {}) {
      const asked = await askForCertificate(kind)
      const serial = serialNumber(randomBytes(16))
      const leaf = await issueLeaf(authority, { names, publicKey: asked.publicKey, nowMs: atMs, lifetimeMs, serial })
      return { chain: leaf.chain, key: asked.key }
    },
  }
}
