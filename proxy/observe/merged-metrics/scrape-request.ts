import type { IncomingHttpHeaders } from 'node:http'
import { type Negotiated, negotiate } from '../../../protocol/prometheus/negotiate.ts'
import { sourceDeadlineMs } from './deadline.ts'
import type { GatherRequest } from './gather.ts'
import type { MergedMetricsLimits } from './limits.ts'
import { closesLoop, readChain } from './loop-marker.ts'
import { type PageForm, pageForm } from './sources-page.ts'

/** What a request to the endpoint comes to. */
export type ScrapeRequest =
  | { kind: 'metrics'; gather: GatherRequest; negotiated: Negotiated; gzip: boolean }
  | { kind: 'sources'; form: PageForm }
  | { kind: 'refused'; status: number; text: string; headers?: Record<string, string> }

export interface RequestRules {
  limits: MergedMetricsLimits
  instance: string
}

export interface RequestHead {
  method?: string | undefined
  url?: string | undefined
  headers: IncomingHttpHeaders
}

export const metricsPath = '/metrics'
export const sourcesPath = '/metrics/sources'

/** Reads the head of a request. Pure. */
export function readScrapeRequest(
  { method, url, headers }: RequestHead,
  { limits, instance }: RequestRules,
): ScrapeRequest {
  const target = URL.parse(url ?? '/', 'http://endpoint')
  if (!target) return refused(400, 'The request target cannot be read.')
  if (target.pathname !== metricsPath && target.pathname !== sourcesPath) return notFound(target.pathname)
  if (method !== 'GET' && method !== 'HEAD') {
    return { ...refused(405, `${target.pathname} is read with GET or HEAD.`), headers: { allow: 'GET, HEAD' } }
  }
  if (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0') {
    return { ...refused(413, 'A scrape has no body.'), headers: { connection: 'close' } }
  }
  if (target.pathname === sourcesPath) return { kind: 'sources', form: pageForm(headers.accept) }
  const names = target.searchParams.getAll('name[]')
  if (names.length > limits.nameFilters)
    return refused(400, `At most ${limits.nameFilters} name[] filters, not ${names.length}.`)
  const chain = readChain(header(headers, 'x-trimtab-scraped-by'))
  if (closesLoop(chain, instance)) {
    return refused(
      508,
      'This scrape came from this very endpoint: one of the sources leads back here. See /metrics/sources.',
    )
  }
  const deadlineMs = sourceDeadlineMs(header(headers, 'x-prometheus-scrape-timeout-seconds'), limits.deadlineMsMax)
  return {
    kind: 'metrics',
    gather: { deadlineMs, names: [...new Set(names)], chain: [...chain, instance] },
    negotiated: negotiate(headers.accept),
    gzip: acceptsGzip(header(headers, 'accept-encoding')),
  }
}

function refused(status: number, text: string): ScrapeRequest & { kind: 'refused' } {
  return { kind: 'refused', status, text }
}

function notFound(path: string): ScrapeRequest {
  const shown = JSON.stringify(path.length > 100 ? `${path.slice(0, 100)}...` : path)
  return refused(
    404,
    `There is no ${shown} here. ${metricsPath} has the metrics of the proxy and its application, ${sourcesPath} tells where they come from.`,
  )
}

function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** RFC 9110, 12.5.3: named with a quality above zero, by its name before any `*`. */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  let anything = false
  for (const part of (acceptEncoding ?? '').toLowerCase().split(',')) {
    const [coding = '', ...parameters] = part.split(';').map(each => each.trim())
    const accepted = !parameters.some(parameter => /^q=0(\.0*)?$/.test(parameter))
    if (coding === 'gzip' || coding === 'x-gzip') return accepted
    if (coding === '*') anything = accepted
  }
  return anything
}
