import { spiffeIdOf } from '../../protocol/identity.ts'
import type { CallExplanation } from '../authorize/explain.ts'
import type { Explanation } from '../route/explain.ts'
import type { AdminView } from './view.ts'

export type ExplainAnswer =
  | { status: 'told'; value: Explanation | CallExplanation }
  | { status: 'unclear'; reason: string }
  | { status: 'misdirected'; reason: string }

/**
 * GET /explain. Without `source`: what a request from here would meet. With it: what the intentions say of a call to the application here,
 * `source` being a service or gateway of the mesh, or nothing for a caller without a certificate. `instance`: who is meant; on loopback of
 * another machine it may be somebody else.
 */
export async function explainAnswer(view: AdminView, query: URLSearchParams): Promise<ExplainAnswer> {
  const { id } = view.node
  const meant = query.get('instance') ?? id
  if (meant !== id) return { status: 'misdirected', reason: `this is ${id}, not ${meant}` }
  const url = query.get('url')
  if (url === null || !URL.canParse(url, 'http://unnamed.invalid'))
    return unclear(
      'url: missing or not a URL, allowed: http://service/path, tcp://service, or a path at a gateway and with source',
    )
  const tcpService = tcpServiceOf(url)
  const question = { method: query.get('method') ?? 'GET', url, headers: headersOf(query.getAll('header')) }
  const source = query.get('source')
  if (source === null) {
    if (tcpService !== '') return { status: 'told', value: view.explainConnection(tcpService) }
    const direction = view.node.role === 'gateway' ? ('gateway' as const) : ('outbound' as const)
    return { status: 'told', value: view.explain({ ...question, direction }) }
  }
  if (view.node.role !== 'sidecar')
    return unclear(`source: only the sidecar of a service judges calls, this is a ${view.node.role}`)
  const { listener } = view.policy()
  if (tcpService !== '' && listener !== undefined && listener.protocol !== 'tcp')
    return unclear(
      `url: ${listener.service} is a service of protocol ${listener.protocol}: ask of a request, http://${listener.service}/path`,
    )
  const claims = claimsOf(query.get('claims'))
  if (claims === 'unclear')
    return unclear('claims: not an object in JSON, allowed: {"groups":["admin"]}, or {"provider":{...}}')
  const sourceId = query.get('sourceId') ?? idOf(view, source)
  return { status: 'told', value: await view.explainCall({ ...question, source, sourceId, claims }) }
}

/** The service of tcp://service, and of tcp://service:port, whose port says nothing; '' of another URL. */
function tcpServiceOf(url: string): string {
  const { protocol, hostname } = new URL(url, 'http://unnamed.invalid')
  return protocol === 'tcp:' ? hostname : ''
}

/** The id that a caller of this name shows. */
function idOf(view: AdminView, source: string): string {
  const { identity } = view.policy()
  return source === '' || identity === undefined ? '' : spiffeIdOf(identity, source)
}

function headersOf(headers: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    headers.map(header => {
      const at = header.indexOf(':')
      return [header.slice(0, at).trim().toLowerCase(), header.slice(at + 1).trim()]
    }),
  )
}

function claimsOf(text: string | null): Record<string, unknown> | undefined | 'unclear' {
  if (text === null) return undefined
  try {
    const claims: unknown = JSON.parse(text)
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims))
      return claims as Record<string, unknown>
  } catch {
    // Told below.
  }
  return 'unclear'
}

function unclear(reason: string): ExplainAnswer {
  return { status: 'unclear', reason: `${reason}\n` }
}
