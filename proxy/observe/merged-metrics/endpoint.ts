import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Clock } from '../../../runtime/clock.ts'
import type { Gatherings } from './gatherings.ts'
import { instanceHeader } from './loop-marker.ts'
import { type RequestRules, readScrapeRequest, type ScrapeRequest } from './scrape-request.ts'
import type { SourceReports } from './source-reports.ts'
import { pageContentTypes, renderSources } from './sources-page.ts'

export interface EndpointSettings extends RequestRules {
  gatherings: Gatherings
  reports: SourceReports
  clock: Clock
}

/** Smaller answers are not worth compressing. */
const gzipBytesMin = 1024

/** The HTTP side: reads requests, writes answers; where the metrics come from is not its business. */
export function createEndpoint(settings: EndpointSettings): Server {
  const options = { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requestTimeout: 10_000, keepAliveTimeout: 65_000 }
  const server = createServer(options, (request, response) => {
    answer(settings, request, response).catch(error => {
      // Only a defect of ours comes here: what sources do wrong is in the answer.
      const text = `The metrics could not be merged: ${(error as Error).message}`
      if (!response.headersSent) send(response, settings, request, 500, plain, Buffer.from(`${text}\n`))
      else response.destroy()
    })
  })
  server.maxConnections = settings.limits.connections
  return server
}

const plain = { 'content-type': pageContentTypes.text }

async function answer(settings: EndpointSettings, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const read = readScrapeRequest(request, settings)
  switch (read.kind) {
    case 'metrics':
      return answerMetrics(settings, read, request, response)
    case 'sources': {
      const page = renderSources(settings.reports.all(), read.form, settings.clock.now())
      const headers = { 'content-type': pageContentTypes[read.form], vary: 'Accept', 'cache-control': 'no-store' }
      return send(response, settings, request, 200, headers, Buffer.from(page))
    }
    case 'refused':
      return send(
        response,
        settings,
        request,
        read.status,
        { ...plain, ...read.headers },
        Buffer.from(`${read.text}\n`),
      )
  }
}

async function answerMetrics(
  settings: EndpointSettings,
  { gather, negotiated, gzip }: ScrapeRequest & { kind: 'metrics' },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const encodings = await settings.gatherings.join(gather)
  const identity = await encodings.bytes(negotiated.format, false)
  const gzipped = gzip && identity.length >= gzipBytesMin
  const headers = {
    'content-type': negotiated.contentType,
    vary: 'Accept, Accept-Encoding',
    'cache-control': 'no-store',
    ...(gzipped ? { 'content-encoding': 'gzip' } : {}),
  }
  send(response, settings, request, 200, headers, gzipped ? await encodings.bytes(negotiated.format, true) : identity)
}

function send(
  response: ServerResponse,
  { instance }: EndpointSettings,
  { method }: IncomingMessage,
  status: number,
  headers: Record<string, string>,
  body: Buffer,
): void {
  response.writeHead(status, { ...headers, 'content-length': body.length, [instanceHeader]: instance })
  response.end(method === 'HEAD' ? undefined : body)
}
