import type { X509Certificate } from 'node:crypto'
import type { Credentials, CredentialsInForce } from '../credentials/credentials.ts'
import { judgePeer, whyUnfit } from '../credentials/peer-certificate.ts'
import { faultOfChain, sentenceOfFault } from '../runtime/tls-faults.ts'
import type { ClientVerdict, Security } from './accept/security.ts'
import type { PolicyInForce } from './route/policy.ts'

const plainRefusal =
  'this port speaks mTLS of the mesh: come through a proxy of it, or set mtls of this service to permissive'
const noIdentity =
  'the mesh file says that this port takes mTLS alone, and this proxy has no certificate: give it a join token and the https address of control'

/**
 * How the inbound listener of a sidecar takes connections: as section `listener` says, at once for new connections. Until it is heard TLS
 * alone; a proxy that has no identity (its control is reached over http) takes clear text until then. Where strict is said it takes nothing:
 * what was to be protected must not be open because a proxy was started the wrong way.
 */
export function inboundSecurity(
  credentials: CredentialsInForce | undefined,
  policy: PolicyInForce,
  wall: () => number,
): () => Security {
  const refusal = credentials === undefined ? noIdentity : plainRefusal
  let known: { mode: Security['mode']; credentials: Credentials | undefined; security: Security } | undefined
  return () => {
    const mode = policy.current.listener?.mtls ?? (credentials === undefined ? 'off' : 'strict')
    const current = credentials?.current
    if (known?.mode !== mode || known.credentials !== current) {
      const judge = (certificate: X509Certificate | undefined, chainFault: string | undefined) =>
        judgeClient(certificate, chainFault, credentials?.current, wall())
      known = { mode, credentials: current, security: { mode, tls: current?.server, judge, plainRefusal: refusal } }
    }
    return known.security
  }
}

/** Who calls, by the certificate alone. */
export function judgeClient(
  certificate: X509Certificate | undefined,
  chainFault: string | undefined,
  own: Pick<Credentials, 'trustDomain' | 'spiffeId'> | undefined,
  wallMs: number,
): ClientVerdict {
  if (certificate === undefined || own === undefined)
    return { status: 'refused', fault: 'no_certificate', detail: sentenceOfFault('no_certificate') }
  if (chainFault !== undefined) {
    // Node has no name for some faults: a key that OpenSSL finds too weak is one of them.
    const fault = faultOfChain(chainFault) ?? whyUnfit(certificate, wallMs)?.fault ?? 'bad_chain'
    return { status: 'refused', fault, detail: `${sentenceOfFault(fault)} (${chainFault})` }
  }
  const verdict = judgePeer(certificate, own.trustDomain, wallMs)
  if (verdict.status === 'refused') return verdict
  return {
    status: 'ok',
    source: verdict.service,
    sourceId: verdict.spiffeId,
    clientCertificate: `By=${own.spiffeId};Hash=${hashOf(certificate)};URI=${verdict.spiffeId}`,
  }
}

/** SHA-256 of a certificate as Envoy writes it. */
export function hashOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase()
}
