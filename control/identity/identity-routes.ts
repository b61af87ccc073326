import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { CertificateRequest, IssuedCertificate, TrustedRoots } from '../../protocol/credentials.ts'
import type { Clock } from '../../runtime/clock.ts'
import { peerFacts } from '../../runtime/peer-certificate.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { checkCsr } from './csr.ts'
import type { IdentityEvents } from './events.ts'
import { type FailureLimit, peerKey } from './failure-limit.ts'
import { type Identity, type IssueOrder, keyDigest } from './identity.ts'
import { type HomeMesh, judgePeer } from './peer.ts'
import type { TokenBook } from './token-book.ts'
import { readAuthorization } from './tokens.ts'

export interface CertificateParts {
  clock: Clock
  identity: Identity
  tokens: TokenBook
  limit: FailureLimit
  home(): HomeMesh
  /** A certificate that ended so long ago at most may still be renewed: control may have been away. */
  renewalGraceMs: number
  events: IdentityEvents
  /** Writes down who asked for a first certificate, and what came of it. */
  audit(request: FastifyRequest, who: string, refusal: string | undefined): void
}

type Proof = { status: 'proved'; proof: IssueOrder['proof']; who: string } | NotProved
type NotProved = { status: 'refused'; code: 401 | 403; why: string; reason: string; hint: string }

const hints: Readonly<Record<string, string>> = {
  'unknown-token': 'Make one: trimtab token create --service NAME',
  'expired-token': 'Make a new one: trimtab token create --service NAME',
  'used-token':
    'Make a new one, or a reusable one: trimtab token create --service NAME --reusable. If nobody of yours used it, somebody else did: see trimtab audit.',
  'foreign-token': 'Use a token that was made for this service; for a collector: trimtab token create --collector',
  'wrong-kind': 'Proxies join with a token of: trimtab token create --service NAME',
}

/** GET /v1/identity/roots and POST /v1/identity/certificates: what a proxy asks before it has any proof, and to have one. */
export function certificateRoutes(app: FastifyInstance, parts: CertificateParts): void {
  const { clock, identity, limit, events } = parts

  app.get(
    '/v1/identity/roots',
    {
      config: {
        doc: {
          summary: 'Trusted roots, to be checked against the pin of a join token',
          door: 'everybody',
          answer: TrustedRoots,
        },
      },
    },
    async () => identity.trustedRoots(),
  )

  const prove = (request: FastifyRequest, service: string, publicKey: Buffer): Proof => {
    const presented = readAuthorization(request.headers.authorization)
    if (presented !== undefined) return proveByToken(parts, presented, service, publicKey)
    const facts = peerFacts(request.raw.socket)
    const issuedHere = facts !== undefined && identity.issuedHere(facts.certificate.raw)
    const grace = { ms: parts.renewalGraceMs, issuedHere }
    return proveByCertificate(judgePeer(facts, clock.wall(), parts.home(), grace), service)
  }
  const fail = (request: FastifyRequest, reply: FastifyReply, code: number, why: string, refusal: Refusal) => {
    const peer = request.raw.socket.remoteAddress
    limit.failed(peerKey(peer), clock.now())
    events.certificateRefused(why, refusal.message, peer)
    parts.audit(request, 'a proxy', refusal.message)
    return refuse(reply, code, refusal)
  }

  app.post<{ Body: CertificateRequest }>(
    '/v1/identity/certificates',
    {
      schema: { body: CertificateRequest },
      bodyLimit: 32 * 1024,
      config: {
        doc: {
          summary: 'A certificate for a key, on a join token or on the certificate that it renews',
          door: 'everybody',
          answer: IssuedCertificate,
          refuses: [400, 401, 403, 429, 503],
        },
      },
    },
    async (request, reply) => {
      const { service, csr } = request.body
      const peer = request.raw.socket.remoteAddress
      const facts = peerFacts(request.raw.socket)
      // What we signed ourselves is no guess. Anybody can show a certificate of his own making.
      const isOurs = facts !== undefined && (facts.chain.holds || identity.issuedHere(facts.certificate.raw))
      const waitMs = limit.waitMs(peerKey(peer), clock.now())
      if (waitMs > 0 && (request.headers.authorization !== undefined || !isOurs)) {
        events.limited(peer)
        return refuseTooMany(reply, waitMs)
      }
      const checked = await checkCsr(csr)
      if (checked.status === 'refused')
        return fail(request, reply, 400, `csr-${checked.why}`, {
          error: `csr-${checked.why}`,
          message: `The certificate request is not taken: ${checked.reason}.`,
          hint: 'Send a PKCS #10 request in PEM, with a key EC P-256 or P-384, Ed25519, or RSA of 2048 bits and more.',
        })
      if (!identity.knows(service))
        return fail(request, reply, 403, 'unknown-service', {
          error: 'unknown-service',
          message: `The mesh has no service or gateway ${service} that could have a certificate.`,
          hint: 'Name one of mesh.yaml; services outside the mesh have none.',
        })
      const proof = prove(request, service, checked.publicKey)
      if (proof.status === 'refused')
        return fail(request, reply, proof.code, proof.why, {
          error: proof.why,
          message: `Not proved: ${proof.reason}.`,
          hint: proof.hint,
        })
      const issue = await identity.issue({
        service,
        publicKey: checked.publicKey,
        proof: proof.proof,
        peer: peer ?? '',
      })
      if (issue.status === 'refused') {
        events.certificateRefused(issue.why, issue.reason, peer)
        return refuse(reply, 503, {
          error: issue.why,
          message: `No certificate can be issued: ${issue.reason}.`,
          hint: issue.hint,
        })
      }
      if ('token' in proof.proof) {
        events.tokenUsed(proof.proof.token, service)
        parts.audit(request, proof.who, undefined)
      }
      return reply.send(issue.issued)
    },
  )
}

function proveByToken(
  { tokens }: CertificateParts,
  presented: Exclude<ReturnType<typeof readAuthorization>, undefined>,
  service: string,
  publicKey: Buffer,
): Proof {
  if (presented === 'malformed') return refused(401, 'unknown-token', 'the authorization header holds no join token')
  const verdict = tokens.join(presented, service, keyDigest(publicKey))
  if (verdict.status === 'refused')
    return refused(verdict.why === 'foreign-token' ? 403 : 401, verdict.why, verdict.reason)
  const { id, name } = verdict.token
  return { status: 'proved', proof: { token: id }, who: `token ${id} (${name})` }
}

function proveByCertificate(peer: ReturnType<typeof judgePeer>, service: string): Proof {
  if (peer.status === 'none') return refused(401, 'no-proof', 'neither a join token nor a certificate was shown')
  if (peer.status === 'refused') return refused(401, peer.why, peer.reason)
  if (peer.service !== service)
    return refused(403, 'foreign-certificate', `the certificate is for ${peer.service}, not for ${service}`)
  return { status: 'proved', proof: { serial: peer.serial }, who: `${service} by certificate` }
}

function refused(code: 401 | 403, why: string, reason: string): NotProved {
  const hint =
    hints[why] ?? 'Show a join token (authorization: Bearer ...), or over TLS the certificate that is to be renewed.'
  return { status: 'refused', code, why, reason, hint }
}

export function refuseTooMany(reply: FastifyReply, waitMs: number): FastifyReply {
  const seconds = Math.ceil(waitMs / 1000)
  return refuse(reply.header('retry-after', String(seconds)), 429, {
    error: 'too-many-failures',
    message: 'This address has failed to prove itself too often; what it shows is not looked at now.',
    hint: `Try again in ${seconds} s, with a proof that holds.`,
  })
}
