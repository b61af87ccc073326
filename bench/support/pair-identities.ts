import { KeyObject, randomBytes, webcrypto } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { fingerprintOf, issueLeaf, makeRoot, serialNumber } from '../../control/identity/certificates.ts'
import { spiffeIdOf } from '../../protocol/identity.ts'
import type { TlsFiles } from '../peers/nginx.ts'

const LIFETIME_MS = 86_400_000
const trustDomain = 'bench.mesh'

export interface PairIdentity {
  service: string
  spiffeId: string
  /** PEM files, for the peers. */
  files: TlsFiles
  /** As our proxy keeps it. */
  kept: object
}

/** The name that peers which know no SPIFFE look for. */
export const dnsName = 'backend.bench.mesh'

/** One root, and a certificate of a day for each service. */
export async function pairIdentities(folder: string, services: readonly string[]): Promise<PairIdentity[]> {
  const nowMs = Date.now()
  const serial = () => serialNumber(randomBytes(16))
  const root = await makeRoot({ trustDomain, nowMs, lifetimeMs: LIFETIME_MS * 30, serial: serial() })
  const fingerprint = fingerprintOf(root.certificate)
  const authority = { ...root, intermediates: [], root: root.certificate, fingerprint }
  writeFileSync(`${folder}/ca.pem`, root.certificate)
  return Promise.all(
    services.map(async service => {
      const spiffeId = spiffeIdOf({ trustDomain, dc: 'dc1' }, service)
      const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
      const publicKey = KeyObject.from(keys.publicKey).export({ format: 'der', type: 'spki' })
      const keyPem = KeyObject.from(keys.privateKey).export({ format: 'pem', type: 'pkcs8' }) as string
      const names = { spiffeId, dns: [dnsName] }
      const leaf = await issueLeaf(authority, { names, publicKey, nowMs, lifetimeMs: LIFETIME_MS, serial: serial() })
      const files = { ca: `${folder}/ca.pem`, cert: `${folder}/${service}.pem`, key: `${folder}/${service}.key` }
      writeFileSync(files.cert, leaf.chain)
      writeFileSync(files.key, keyPem, { mode: 0o600 })
      const kept = {
        spiffeId,
        chain: leaf.chain,
        roots: [root.certificate],
        issuer: fingerprint,
        notBefore: new Date(leaf.notBeforeMs).toISOString(),
        notAfter: new Date(leaf.notAfterMs).toISOString(),
        keyPem,
        trustDomain,
        dc: 'dc1',
        receivedMs: nowMs,
      }
      return { service, spiffeId, files, kept }
    }),
  )
}
