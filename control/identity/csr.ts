import { createPublicKey, type KeyObject } from 'node:crypto'
import * as x509 from '../../runtime/x509.ts'

/** What a certificate request (PKCS #10, RFC 2986) is taken or refused for. Of what it asks only the key counts. */
export type CheckedCsr =
  | { status: 'ok'; publicKey: Buffer }
  | { status: 'refused'; why: 'too-large' | 'unreadable' | 'weak-key' | 'bad-signature'; reason: string }

/** An RSA 8192 request has about 3 KiB; more is not a request for one key. */
export const CSR_BYTES_MAX = 16 * 1024
export const CSR_RSA_BITS_MIN = 2048
/** Larger ones only cost everybody whom they greet. */
const RSA_BITS_MAX = 8192
const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384' }
const hashes = ['SHA-256', 'SHA-384', 'SHA-512']
const onePem =
  /^\s*-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----[A-Za-z0-9+/=\s]+-----END (?:NEW )?CERTIFICATE REQUEST-----\s*$/

/** Checks a request: one PEM block, a key that we certify, and the proof that the asker has the private half. Never throws. */
export async function checkCsr(pem: string): Promise<CheckedCsr> {
  if (pem.length > CSR_BYTES_MAX)
    return refused('too-large', `it has ${pem.length} characters, more than ${CSR_BYTES_MAX}`)
  if (!onePem.test(pem)) return refused('unreadable', 'it is not one PEM block CERTIFICATE REQUEST')
  let request: x509.Pkcs10CertificateRequest
  let key: KeyObject
  try {
    request = new x509.Pkcs10CertificateRequest(pem)
    key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' })
  } catch (error) {
    return refused('unreadable', `it cannot be read: ${(error as Error).message.slice(0, 200)}`)
  }
  // Before the signature: to verify one of a giant key would cost us.
  const weakness = weaknessOf(key)
  if (weakness !== undefined) return refused('weak-key', weakness)
  if (!(await signatureHolds(request)))
    return refused('bad-signature', 'its signature does not fit its key, or is made with a broken hash')
  return { status: 'ok', publicKey: key.export({ format: 'der', type: 'spki' }) }
}

/** Why a key is not certified; undefined when it is. */
function weaknessOf(key: KeyObject): string | undefined {
  const { modulusLength = 0, publicExponent = 0n, namedCurve } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return undefined
    case 'ec':
      if (namedCurve !== undefined && curves[namedCurve] !== undefined) return undefined
      return `its key lies on the curve ${namedCurve ?? 'without a name'}: P-256 and P-384 are taken`
    case 'rsa':
      if (modulusLength < CSR_RSA_BITS_MIN || modulusLength > RSA_BITS_MAX)
        return `its RSA key has ${modulusLength} bits: ${CSR_RSA_BITS_MIN} to ${RSA_BITS_MAX} are taken`
      if (publicExponent < 65_537n) return `its RSA key has the exponent ${publicExponent}: 65537 at the least is taken`
      return undefined
    default:
      return `its key is ${key.asymmetricKeyType ?? 'of an unknown kind'}: EC P-256 or P-384, Ed25519 and RSA are taken`
  }
}

async function signatureHolds(request: x509.Pkcs10CertificateRequest): Promise<boolean> {
  try {
    const { hash, name } = request.signatureAlgorithm as { name: string; hash?: { name: string } }
    if (name !== 'Ed25519' && !hashes.includes(hash?.name ?? '')) return false
    return await request.verify()
  } catch {
    return false
  }
}

function refused(why: Exclude<CheckedCsr, { status: 'ok' }>['why'], reason: string): CheckedCsr {
  return { status: 'refused', why, reason }
}
