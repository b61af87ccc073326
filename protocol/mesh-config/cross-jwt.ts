import type { Loose, Report } from './report.ts'
import type { MeshFile } from './schema.ts'

/** What a claim may not be forwarded as: fields that frame the message, belong to one connection, or say what proxies alone may say. */
const reserved = new Set(
  (
    'accept-encoding authorization b3 baggage connection content-encoding content-length content-type cookie date expect ' +
    'forwarded grpc-timeout host keep-alive origin proxy-authenticate proxy-authorization proxy-connection range te ' +
    'traceparent tracestate trailer transfer-encoding upgrade via x-real-ip x-request-id'
  ).split(' '),
)
const reservedPrefixes = ['grpc-', 'sec-', 'x-b3-', 'x-envoy-', 'x-forwarded-', 'x-trimtab-']
const ownedByTheWire = new Set(
  'connection content-length expect host keep-alive te trailer transfer-encoding upgrade proxy-connection'.split(' '),
)

/** Headers of token providers: where tokens are found, and what claims are forwarded as. */
export function crossCheckJwt(file: Loose<MeshFile>, report: Report): void {
  const providers = Object.entries(file.jwt ?? {})
  // What is removed from everybody cannot bring a token, whosever it is.
  const tokenHeaders = new Set(providers.map(([, provider]) => tokenHeaderOf(provider)))
  for (const [name, provider] of providers) {
    const path = ['jwt', name]
    const tokenHeader = tokenHeaderOf(provider)
    if (ownedByTheWire.has(tokenHeader) || tokenHeader.startsWith('proxy-'))
      report.problem([...path, 'header'], tokenHeader, 'a header that goes from end to end, such as authorization')
    const taken = new Map<string, string>()
    for (const [claim, written] of Object.entries(provider?.forward ?? {})) {
      if (written === undefined) continue
      const header = written.toLowerCase()
      const here = [...path, 'forward', claim]
      if (reserved.has(header) || reservedPrefixes.some(prefix => header.startsWith(prefix)))
        report.problem(
          here,
          written,
          'a header of your own such as x-user: this one belongs to HTTP, to traces or to proxies',
        )
      else if (tokenHeaders.has(header)) report.problem(here, written, 'a header that holds no token')
      else if (taken.has(header))
        report.problem(here, written, `each header once: ${taken.get(header)} is forwarded as ${header} already`)
      taken.set(header, claim)
    }
  }
}

function tokenHeaderOf(provider: { header?: string | undefined } | undefined): string {
  return (provider?.header ?? 'authorization').toLowerCase()
}
