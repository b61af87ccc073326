import { KeyObject } from 'node:crypto'
import * as x509 from '../runtime/x509.ts'

const LIFETIME_MS = 10 * 365 * 86_400_000
const BACKDATE_MS = 3_600_000

/**
 * A certificate and key that prove nothing, made for this process: TLS wants one of whoever listens. Proxies prove themselves to us by
 * theirs; a handshake that was proved cannot be passed on by somebody between.
 */
export async function nobodysCertificate(nowMs: number): Promise<{ cert: string; key: string }> {
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ['trimtab collector'] }],
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + LIFETIME_MS),
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [new x509.BasicConstraintsExtension(false, undefined, true)],
  })
  const key = KeyObject.from(keys.privateKey).export({ format: 'pem', type: 'pkcs8' })
  return { cert: certificate.toString('pem'), key: key as string }
}
