import type { Path } from './problem.ts'
import type { Loose, Report } from './report.ts'
import type { MeshFile } from './schema.ts'
import type { OidcWritten } from './schema-oidc.ts'

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
    checkForward([...path, 'forward'], provider?.forward ?? {}, tokenHeaders, report)
  }
  // The proxies of services remove what providers forward, so a gateway would tell it in vain.
  const removed = new Set(providers.flatMap(([, provider]) => Object.values(provider?.forward ?? {})).map(lower))
  for (const [name, gateway] of Object.entries(file.gateways ?? {}))
    if (gateway?.oidc !== undefined)
      crossCheckOidc(['gateways', name, 'oidc'], gateway.oidc, { tokenHeaders, removed }, report)
}

const lower = (header: string | undefined): string => (header ?? '').toLowerCase()

function crossCheckOidc(
  path: Path,
  oidc: Loose<OidcWritten>,
  { tokenHeaders, removed }: { tokenHeaders: ReadonlySet<string>; removed: ReadonlySet<string> },
  report: Report,
): void {
  checkForward([...path, 'forward'], oidc.forward ?? {}, tokenHeaders, report)
  for (const [claim, header] of Object.entries(oidc.forward ?? {}))
    if (removed.has(lower(header)))
      report.problem(
        [...path, 'forward', claim],
        header ?? '',
        'a header that no provider under jwt forwards: the proxies of services remove those',
      )
  for (const field of ['issuer', 'publicUrl'] as const) {
    const url = oidc[field]
    if (url !== undefined && !isSafe(new URL(url)))
      report.problem(
        [...path, field],
        url,
        'https://, or http:// on this machine alone: who can listen could log in as anybody',
      )
  }
  if (oidc.publicUrl !== undefined && !/^[^/]+\/\/[^/]+\/?$/.test(oidc.publicUrl))
    report.problem([...path, 'publicUrl'], oidc.publicUrl, 'an origin such as https://shop.example, without a path')
  if (oidc.scopes !== undefined && !oidc.scopes.includes('openid'))
    report.problem(
      [...path, 'scopes'],
      oidc.scopes.join(' '),
      'openid among the scopes: without it nobody says who logged in',
    )
  if (oidc.callbackPath !== undefined && oidc.callbackPath === (oidc.logoutPath ?? '/oauth2/logout'))
    report.problem([...path, 'callbackPath'], oidc.callbackPath, 'another path than logoutPath')
}

function isSafe({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || ['127.0.0.1', 'localhost', '[::1]'].includes(hostname)
}

/** Claims are forwarded as headers of their own, each once. */
function checkForward(
  path: Path,
  forward: Readonly<Record<string, string | undefined>>,
  tokenHeaders: ReadonlySet<string>,
  report: Report,
): void {
  const taken = new Map<string, string>()
  for (const [claim, written] of Object.entries(forward)) {
    if (written === undefined) continue
    const header = written.toLowerCase()
    const here = [...path, claim]
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

function tokenHeaderOf(provider: { header?: string | undefined } | undefined): string {
  return (provider?.header ?? 'authorization').toLowerCase()
}
