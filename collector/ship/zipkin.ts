import { Agent, request } from 'undici'
import { type Destination, linesOf } from './destination.ts'
import { type Sent, sendSplitting } from './split.ts'

/** A server that takes the connection and then stays silent must not stop the shipper for good. */
const ANSWER_MS_MAX = 15_000

/** Answers that blame the content. All others (a wrong path, too, or a missing permission) may be mended without losing a span. */
const CONTENT_REFUSED = new Set([400, 413, 422])

/** Ships spans as Zipkin v2 JSON to a Jaeger or a Zipkin. A URL without a path means its /api/v2/spans. */
export function zipkinDestination(name: string, given: string): Destination {
  const url = new URL(given)
  if (url.pathname === '/') url.pathname = '/api/v2/spans'
  const agent = new Agent({ connections: 2, headersTimeout: ANSWER_MS_MAX, bodyTimeout: ANSWER_MS_MAX })

  async function send(lines: readonly string[], cut: AbortSignal): Promise<Sent> {
    const signal = AbortSignal.any([cut, AbortSignal.timeout(ANSWER_MS_MAX)])
    try {
      const answer = await request(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: `[${lines.join(',')}]`,
        dispatcher: agent,
        signal,
      })
      const said = await answer.body.text()
      if (answer.statusCode >= 200 && answer.statusCode < 300) return { status: 'taken' }
      const reason = `${url.href} answered ${answer.statusCode}: ${said.slice(0, 200)}`
      if (CONTENT_REFUSED.has(answer.statusCode)) return { status: 'refused', reason }
      const retryAfterMs = retryAfterOf(answer.headers['retry-after'])
      return retryAfterMs === undefined ? { status: 'retry', reason } : { status: 'retry', reason, retryAfterMs }
    } catch (error) {
      return { status: 'retry', reason: `${url.href}: ${reasonOf(error)}` }
    }
  }

  return {
    name,
    signals: ['span'],
    batchItemsMax: 2000,
    batchBytesMax: 1024 * 1024,
    lingerMs: 100,
    dedupes: false,
    ship(batch, _token, cut) {
      const lines = batch.records.flatMap(({ kind, payload }) => (kind === 'span' ? linesOf(payload) : []))
      if (lines.length === 0) return Promise.resolve({ status: 'shipped', refused: [] })
      return sendSplitting('span', lines, part => send(part, cut))
    },
    close: () => agent.destroy(),
  }
}

function retryAfterOf(header: string | string[] | undefined): number | undefined {
  const seconds = Number(Array.isArray(header) ? header[0] : header)
  return header !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
}

function reasonOf(error: unknown): string {
  const { code, message, name } = error as NodeJS.ErrnoException
  if (name === 'TimeoutError') return `no answer within ${ANSWER_MS_MAX} ms`
  return message || code || name
}
