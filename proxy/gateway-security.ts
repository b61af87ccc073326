import type { X509Certificate } from 'node:crypto'
import { uriNames, whyUnfit } from '../credentials/peer-certificate.ts'
import { faultOfChain, sentenceOfFault } from '../runtime/tls-faults.ts'
import { type ClientVerdict, type Security, unknownClient } from './accept/security.ts'
import type { GatewayFiles } from './gateway-tls/gateway-tls.ts'
import type { LoadedTls } from './gateway-tls/load.ts'
import { hashOf } from './mesh-security.ts'
import type { PolicyInForce } from './route/policy.ts'

const plainRefusal = 'this port speaks TLS: ask by https://'

/** How a gateway takes connections: by TLS alone where its section says so, else in clear text. Nobody from outside is somebody of the mesh. */
export function gatewaySecurity(files: GatewayFiles, policy: PolicyInForce, wall: () => number): () => Security {
  let known: { asked: object | undefined; loaded: LoadedTls | undefined; security: Security } | undefined
  return () => {
    const asked = policy.current.listener?.tls
    const loaded = files.current
    if (known === undefined || known.asked !== asked || known.loaded !== loaded) {
      const required = asked?.requireClientCertificate ?? false
      const judge = (certificate: X509Certificate | undefined, chainFault: string | undefined) =>
        judgeUser(certificate, chainFault, required, wall())
      const mode = asked === undefined ? 'off' : 'strict'
      known = { asked, loaded, security: { mode, tls: loaded?.options, judge, plainRefusal } }
    }
    return known.security
  }
}

/** A user's certificate, where one is asked for: it must hold when it is shown, and be shown when that is required. */
export function judgeUser(
  certificate: X509Certificate | undefined,
  chainFault: string | undefined,
  required: boolean,
  wallMs: number,
): ClientVerdict {
  if (certificate === undefined) {
    if (!required) return { status: 'ok', ...unknownClient }
    return { status: 'refused', fault: 'no_certificate', detail: sentenceOfFault('no_certificate') }
  }
  const unfit = whyUnfit(certificate, wallMs)
  if (chainFault !== undefined) {
    const fault = faultOfChain(chainFault) ?? unfit?.fault ?? 'bad_chain'
    return { status: 'refused', fault, detail: `${sentenceOfFault(fault)} (${chainFault})` }
  }
  return unfit ?? { status: 'ok', ...unknownClient, clientCertificate: told(certificate) }
}

/** As Envoy tells it: hash, subject (RFC 2253) and URIs. */
function told(certificate: X509Certificate): string {
  const subject = certificate.subject.split('\n').reverse().join(',')
  const quoted = subject.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')
  const uris = uriNames(certificate.subjectAltName).map(uri => `;URI=${uri.replace(/[^\x21-\x7e]|[;,="]/g, '?')}`)
  return `Hash=${hashOf(certificate)};Subject="${quoted}"${uris.join('')}`
}
