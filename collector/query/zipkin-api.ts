import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Span } from '../../protocol/span.ts'
import type { Clock } from '../../runtime/clock.ts'
import { BadQuery, type Query, textOf, wholeOf } from './asked.ts'
import type { Criteria } from './criteria.ts'
import { askedTraceId } from './recent.ts'
import type { Traces } from './traces.ts'

const LOOKBACK_MS = 15 * 60_000
const LOOKBACK_MS_MAX = 366 * 86_400_000
const LIMIT_MAX = 1000
const MANY_MAX = 100

/** Zipkin's query API, version 2 (https://zipkin.io/zipkin-api/). */
export function zipkinApi(app: FastifyInstance, traces: Traces, clock: Clock): void {
  const get = (path: string, answer: (query: Query, parameters: Record<string, string>) => Promise<unknown>) =>
    app.get<{ Querystring: Query; Params: Record<string, string> }>(`/api/v2${path}`, async (request, reply) =>
      answered(reply, () => answer(request.query, request.params)),
    )

  get('/services', () => traces.services())
  get('/spans', async query =>
    (await traces.operations(needed(query, 'serviceName')))
      .map(({ name }) => name)
      .filter((name, index, all) => all.indexOf(name) === index),
  )
  get('/remoteServices', query => traces.remoteServices(needed(query, 'serviceName')))
  get('/autocompleteKeys', async () => [])
  get('/autocompleteValues', async () => [])
  get('/traces', query => traces.search(criteriaOf(query, clock.wall())))
  get('/traceMany', query => {
    const ids = needed(query, 'traceIds').split(',').map(asTraceId)
    if (ids.length > MANY_MAX) throw new BadQuery(`traceIds: ${ids.length} of them, ${MANY_MAX} allowed`)
    return traces.byIds([...new Set(ids)])
  })
  get('/trace/:id', async (_query, { id = '' }) => found(await traces.byId(asTraceId(id)), id))
  get('/dependencies', query => {
    const endMs = wholeOf(query, 'endTs', 0, Number.MAX_SAFE_INTEGER) ?? clock.wall()
    const lookbackMs = wholeOf(query, 'lookback', 1, LOOKBACK_MS_MAX) ?? 86_400_000
    return traces.links((endMs - lookbackMs) * 1000, endMs * 1000)
  })
}

class NotFound extends Error {}

async function answered(reply: FastifyReply, answer: () => Promise<unknown>): Promise<FastifyReply> {
  try {
    return reply.send(await answer())
  } catch (error) {
    if (error instanceof BadQuery) return reply.code(400).send({ error: error.message })
    if (error instanceof NotFound) return reply.code(404).send({ error: error.message })
    throw error
  }
}

function needed(query: Query, name: string): string {
  const value = textOf(query, name)
  if (value === undefined) throw new BadQuery(`${name} is needed`)
  return value
}

function asTraceId(given: string): string {
  const id = askedTraceId(given.trim())
  if (id === undefined)
    throw new BadQuery(`found ${JSON.stringify(given.slice(0, 100))}, allowed: a trace id of 1 to 32 hex digits`)
  return id
}

function found(spans: Span[], id: string): Span[] {
  if (spans.length === 0) throw new NotFound(`no trace ${id}: not sampled, not here yet, or older than the retention`)
  return spans
}

function criteriaOf(query: Query, nowMs: number): Criteria {
  const endMs = wholeOf(query, 'endTs', 0, Number.MAX_SAFE_INTEGER) ?? nowMs
  const lookbackMs = wholeOf(query, 'lookback', 1, LOOKBACK_MS_MAX) ?? LOOKBACK_MS
  const service = textOf(query, 'serviceName')
  const remoteService = textOf(query, 'remoteServiceName')
  const name = textOf(query, 'spanName')
  const minDurationUs = wholeOf(query, 'minDuration', 0, Number.MAX_SAFE_INTEGER)
  const maxDurationUs = wholeOf(query, 'maxDuration', 0, Number.MAX_SAFE_INTEGER)
  return {
    ...(service === undefined ? {} : { service }),
    ...(remoteService === undefined ? {} : { remoteService }),
    ...(name === undefined ? {} : { name }),
    ...(minDurationUs === undefined ? {} : { minDurationUs }),
    ...(maxDurationUs === undefined ? {} : { maxDurationUs }),
    tags: annotationQueryOf(textOf(query, 'annotationQuery') ?? ''),
    fromUs: Math.max(0, endMs - lookbackMs) * 1000,
    toUs: endMs * 1000 + 999,
    limit: wholeOf(query, 'limit', 1, LIMIT_MAX) ?? 10,
  }
}

/** `error and http.method=GET`: keys, and keys with values, joined by `and`. */
function annotationQueryOf(text: string): Map<string, string> {
  const tags = new Map<string, string>()
  for (const part of text.split(' and ')) {
    const at = part.indexOf('=')
    const key = (at < 0 ? part : part.slice(0, at)).trim()
    if (key !== '') tags.set(key, at < 0 ? '' : part.slice(at + 1).trim())
  }
  return tags
}
