import { KeyObject, randomBytes, type webcrypto } from 'node:crypto'
import { serialNumber } from '../../control/identity/certificates.ts'
import {
  BasicConstraintsExtension,
  type Extension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '../../runtime/x509.ts'
import { keyKinds, type TestAuthority, testAuthority } from './certificates.ts'

/** A certificate that control would never issue, and its key; PEM. */
export interface Shown {
  chain: string
  key: string
}

const HOUR_MS = 3_600_000
const signing = { name: 'ECDSA', hash: 'SHA-256' }

export interface Odd {
  names: readonly string[]
  notBeforeMs?: number
  notAfterMs?: number
  kind?: keyof typeof keyKinds
  isAuthority?: boolean
  selfSigned?: boolean
}

/** Makes a leaf as it is told, without any of the checks that keep control from it. */
export async function oddCertificate(authority: TestAuthority, odd: Odd): Promise<Shown> {
  const algorithm = keyKinds[odd.kind ?? 'p256']
  const keys = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const issuer = new X509Certificate(authority.certificate)
  const names: JsonGeneralNames = odd.names.map(
    value => ({ type: value.includes('://') ? 'url' : 'dns', value }) as const,
  )
  const extensions: Extension[] = [
    new BasicConstraintsExtension(odd.isAuthority ?? false, undefined, true),
    new KeyUsagesExtension(
      odd.isAuthority === true
        ? KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign
        : KeyUsageFlags.digitalSignature,
      true,
    ),
    ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
  ]
  const common = {
    serialNumber: serialNumber(randomBytes(16)),
    notBefore: new Date(odd.notBeforeMs ?? Date.now() - HOUR_MS),
    notAfter: new Date(odd.notAfterMs ?? Date.now() + HOUR_MS),
    extensions,
  }
  const certificate =
    odd.selfSigned === true
      ? await X509CertificateGenerator.createSelfSigned({
          ...common,
          name: 'CN=alone',
          keys,
          signingAlgorithm: algorithm,
        })
      : await X509CertificateGenerator.create({
          ...common,
          subject: 'CN=odd',
          issuer: issuer.subjectName,
          publicKey: keys.publicKey,
          signingKey: authority.key,
          signingAlgorithm: signing,
        })
  const key = KeyObject.from(keys.privateKey).export({ format: 'pem', type: 'pkcs8' }) as string
  return { chain: `${certificate.toString('pem')}\n`, key }
}

/** Each kind of bad certificate with the word that it is refused under. `id` is the one that would be right. */
export async function badCertificates(
  authority: TestAuthority,
  id: string,
): Promise<Record<string, { fault: string; shown: () => Promise<Shown> }>> {
  const stranger = await testAuthority('demo.mesh')
  const from = (odd: Partial<Odd>) => () => oddCertificate(authority, { names: [id], ...odd })
  const day = 24 * HOUR_MS
  return {
    'an expired one': {
      fault: 'expired',
      shown: from({ notBeforeMs: Date.now() - 2 * day, notAfterMs: Date.now() - day }),
    },
    'one that is not valid yet': {
      fault: 'not_yet_valid',
      shown: from({ notBeforeMs: Date.now() + day, notAfterMs: Date.now() + 2 * day }),
    },
    'one of another authority': { fault: 'unknown_issuer', shown: () => oddCertificate(stranger, { names: [id] }) },
    'a self-signed one': { fault: 'self_signed', shown: from({ selfSigned: true }) },
    'one without names': { fault: 'no_spiffe_id', shown: from({ names: [] }) },
    'one with a DNS name alone': { fault: 'no_spiffe_id', shown: from({ names: ['expense.demo.mesh'] }) },
    'one with two URIs': { fault: 'several_spiffe_ids', shown: from({ names: [id, 'spiffe://demo.mesh/other'] }) },
    "one with a URI that is no service's": {
      fault: 'no_service_id',
      shown: from({ names: ['spiffe://demo.mesh/control'] }),
    },
    'one of another trust domain': {
      fault: 'other_trust_domain',
      shown: from({ names: [id.replace('demo.mesh', 'other.mesh')] }),
    },
    'one with an RSA key of 1024 bits': { fault: 'weak_key', shown: from({ kind: 'rsa1024' }) },
    "an authority's": { fault: 'ca_certificate', shown: from({ isAuthority: true }) },
  }
}
