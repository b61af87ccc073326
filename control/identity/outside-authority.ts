import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import * as x509 from '../../runtime/x509.ts'
import type { Authorities, Issuing } from './authorities.ts'
import { type Authority, fingerprintOf, signingKeyOf } from './certificates.ts'
import { CSR_RSA_BITS_MIN } from './csr.ts'

/** Texts of the files of an authority from outside, PEM. */
export interface OutsideFiles {
  /** What signs, then what leads from it to the root. */
  certificate: string
  privateKey: string
  /** Of an encrypted private key. */
  passphrase?: string | undefined
  /** Every root that is trusted; several while one takes over from another. Without it, `certificate` is the root itself. */
  roots?: string | undefined
}

export type ReadOutside =
  | { status: 'ok'; authority: Authority; roots: readonly string[]; validToMs: number }
  | { status: 'refused'; reason: string }

const ROOTS_MAX = 16

/** Checks what was brought: a CA certificate that may sign, its key, a chain that holds to a root that is trusted, nothing expired. */
export function readOutside(files: OutsideFiles, nowMs: number): ReadOutside {
  const chain = certificatesIn(files.certificate)
  const roots = files.roots === undefined ? chain?.slice(-1) : certificatesIn(files.roots)
  if (!chain || chain.length === 0) return refused('the certificate file holds no readable PEM certificate')
  if (!roots || roots.length === 0) return refused('the root file holds no readable PEM certificate')
  if (roots.length > ROOTS_MAX) return refused(`the root file holds ${roots.length} roots, more than ${ROOTS_MAX}`)
  const key = readKey(files)
  if (!key)
    return refused(
      'the private key cannot be read: PEM is wanted, and caSecret must be its passphrase when it is encrypted',
    )
  const [signer] = chain as [X509Certificate, ...X509Certificate[]]
  const problem =
    signerProblem(signer, key) ?? [...chain, ...roots].map(one => validityProblem(one, nowMs)).find(Boolean)
  if (problem !== undefined) return refused(problem)
  const signingKey = signingKeyOf(key)
  if (!signingKey)
    return refused(`a private key of kind ${key.asymmetricKeyType} does not sign here: EC P-256 or P-384, or RSA`)
  const led = leadToRoot(chain, roots)
  if (led.status === 'refused') return led
  return {
    status: 'ok',
    authority: {
      certificate: pem(signer),
      key: signingKey,
      intermediates: led.intermediates.map(pem),
      root: pem(led.root),
      fingerprint: fingerprintOf(pem(led.root)),
    },
    roots: [led.root, ...roots.filter(root => root !== led.root)].map(pem),
    validToMs: Math.min(...[...chain, led.root].map(one => one.validToDate.getTime())),
  }
}

/** An authority that others run. Its roots change with its files; control reads them when it starts. */
export function outsideAuthority({ authority, roots, validToMs }: Extract<ReadOutside, { status: 'ok' }>): Authorities {
  const notOurs = {
    status: 'refused',
    reason: 'the certificate authority is not control’s own: it came with --ca-certificate',
    hint: 'Put the new root beside the old one into the file of --ca-root and start control again; when every proxy is in step, exchange --ca-certificate and --ca-private-key; take the old root out after the longest lifetime of a certificate.',
  } as const
  const issuing = (nowMs: number): Issuing =>
    nowMs < validToMs
      ? { status: 'ready', authority }
      : {
          status: 'locked',
          reason: `the certificate of --ca-certificate, or what leads from it to its root, expired at ${new Date(validToMs).toISOString()}`,
          hint: 'Have a new one made, and start control again.',
        }
  return {
    kind: 'outside',
    rotation: { step: 'steady', root: authority.fingerprint },
    issuing,
    issuingOwn: issuing,
    trusted: () => roots.map(certificate => ({ certificate, fingerprint: fingerprintOf(certificate) })),
    begin: async () => notOurs,
    spread() {},
    look: () => ({ status: 'stays', why: 'no rotation is under way' }),
    reset: async () => notOurs,
  }
}

function signerProblem(signer: X509Certificate, key: KeyObject): string | undefined {
  if (!signer.ca) return `${signer.subject.replaceAll('\n', ', ')} is no CA certificate: it may not sign others`
  const usages = new x509.X509Certificate(signer.raw).getExtension(x509.KeyUsagesExtension)?.usages
  if (usages !== undefined && (usages & x509.KeyUsageFlags.keyCertSign) === 0)
    return `${signer.subject.replaceAll('\n', ', ')} may not sign certificates: its key usage does not say keyCertSign`
  if (!signer.checkPrivateKey(key)) return 'the private key does not belong to the certificate'
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < CSR_RSA_BITS_MIN)
    return `the RSA key has ${bits} bits, fewer than ${CSR_RSA_BITS_MIN}`
  return undefined
}

function validityProblem({ subject, validFromDate, validToDate }: X509Certificate, nowMs: number): string | undefined {
  const name = subject.replaceAll('\n', ', ')
  if (nowMs >= validToDate.getTime()) return `${name} expired at ${validToDate.toISOString()}`
  if (nowMs < validFromDate.getTime()) return `${name} is not valid before ${validFromDate.toISOString()}`
  return undefined
}

type Led =
  | { status: 'ok'; intermediates: X509Certificate[]; root: X509Certificate }
  | { status: 'refused'; reason: string }

/** From the signer up: each must be issued by the next, the last by a root. The signer may be a root itself. */
function leadToRoot(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): Led {
  const isRoot = (one: X509Certificate) => roots.find(root => root.raw.equals(one.raw))
  const intermediates: X509Certificate[] = []
  for (const [at, one] of chain.entries()) {
    const root = isRoot(one) ?? roots.find(found => one.checkIssued(found) && one.verify(found.publicKey))
    if (!isRoot(one)) intermediates.push(one)
    if (root) return { status: 'ok', intermediates, root }
    const next = chain[at + 1]
    const name = one.subject.replaceAll('\n', ', ')
    if (!next)
      return refused(
        `nothing leads from ${name} to a root: give the root with --ca-root, and what lies between in --ca-certificate`,
      )
    if (!one.checkIssued(next) || !one.verify(next.publicKey))
      return refused(
        `${name} was not issued by the certificate that follows it: the signing one comes first, then upward`,
      )
  }
  return refused('the chain is empty')
}

function certificatesIn(text: string): X509Certificate[] | undefined {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    return blocks.map(block => new X509Certificate(block))
  } catch {
    return undefined
  }
}

function readKey({ privateKey, passphrase }: OutsideFiles): KeyObject | undefined {
  try {
    return createPrivateKey({ key: privateKey, ...(passphrase !== undefined && { passphrase }) })
  } catch {
    return undefined
  }
}

function pem(certificate: X509Certificate): string {
  const text = certificate.toString()
  return text.endsWith('\n') ? text : `${text}\n`
}

function refused(reason: string): { status: 'refused'; reason: string } {
  return { status: 'refused', reason }
}
