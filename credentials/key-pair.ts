import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { certificateRequest } from './certificate-request.ts'

/** Both PEM. */
export interface KeyAndRequest {
  keyPem: string
  csrPem: string
}

/**
 * A new key, EC P-256, and the request for a certificate on it (PKCS #10). The names in the certificate are the authority's to
 * give: the request says none.
 */
export async function newKey(): Promise<KeyAndRequest> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
  const keyPem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
  return { keyPem, csrPem: certificateRequest(publicKey, privateKey) }
}
