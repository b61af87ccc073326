import { type KeyObject, sign } from 'node:crypto'

/**
 * A request for a certificate on an EC key, PEM: a CertificationRequest of PKCS #10 (RFC 2986, 4), signed with ECDSA and SHA-256
 * (RFC 5758, 3.2). It says no names and no attributes, so there is next to nothing to encode: the library that makes certificates would
 * come to a tenth of what a whole sidecar weighs.
 */
export function certificateRequest(publicKey: KeyObject, privateKey: KeyObject): string {
  const info = der(SEQUENCE, VERSION_1, NO_NAMES, publicKey.export({ format: 'der', type: 'spki' }), NO_ATTRIBUTES)
  const signature = der(BIT_STRING, NO_UNUSED_BITS, sign('sha256', info, privateKey))
  const request = der(SEQUENCE, info, der(SEQUENCE, ECDSA_WITH_SHA256), signature)
  const lines = request.toString('base64').match(/.{1,64}/g)!
  return ['-----BEGIN CERTIFICATE REQUEST-----', ...lines, '-----END CERTIFICATE REQUEST-----', ''].join('\n')
}

const BIT_STRING = 0x03
const SEQUENCE = 0x30
const VERSION_1 = Buffer.from([0x02, 0x01, 0x00])
const NO_NAMES = Buffer.from([SEQUENCE, 0x00])
/** An empty set, tagged [0]. */
const NO_ATTRIBUTES = Buffer.from([0xa0, 0x00])
const NO_UNUSED_BITS = Buffer.from([0x00])
/** 1.2.840.10045.4.3.2 */
const ECDSA_WITH_SHA256 = Buffer.from([0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])

/** One value in DER, up to 65,535 bytes long (X.690, 8.1.3). */
function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  const { length } = body
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...head]), body])
}
