import { KeyObject, webcrypto } from 'node:crypto'

/** Both PEM. */
export interface KeyAndRequest {
  keyPem: string
  csrPem: string
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/**
 * A new key, EC P-256, and the request for a certificate on it (PKCS #10). The names in the certificate are the authority's to
 * give: the request says none. The library is loaded when a key is made, half an hour apart, not at the start of every proxy.
 */
export async function newKey(): Promise<KeyAndRequest> {
  const { Pkcs10CertificateRequestGenerator } = await import('../runtime/x509.ts')
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const request = await Pkcs10CertificateRequestGenerator.create({ name: '', keys, signingAlgorithm: algorithm })
  const keyPem = KeyObject.from(keys.privateKey).export({ format: 'pem', type: 'pkcs8' }) as string
  return { keyPem, csrPem: request.toString('pem') }
}
