import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Clock } from '../../runtime/clock.ts'
import { BadQuery, goDurationUs, type Query, textOf, textsOf, wholeOf } from './asked.ts'
import type { Criteria } from './criteria.ts'
import { jaegerTrace } from './jaeger-shape.ts'
import { askedTraceId } from './recent.ts'
import type { Traces } from './traces.ts'

const LIMIT_MAX = 1500
const LOOKBACK_US = 3_600_000_000

/** Jaeger's HTTP query API, as its page and Grafana's data source use it. */
export function jaegerApi(app: FastifyInstance, traces: Traces, clock: Clock): void {
  const get = (path: string, answer: (query: Query, parameters: Record<string, string>) => Promise<unknown[]>) =>
    app.get<{ Querystring: Query; Params: Record<string, string> }>(`/api${path}`, async (request, reply) =>
      answered(reply, () => answer(request.query, request.params)),
    )

  get('/services', () => traces.services())
  get('/services/:service/operations', async (_query, { service = '' }) =>
    unique((await traces.operations(service)).map(({ name }) => name)),
  )
  get('/operations', async query => {
    const service = textOf(query, 'service')
    if (service === undefined) throw new BadQuery('service is needed')
    const kind = textOf(query, 'spanKind')
    const operations = (await traces.operations(service)).map(({ name, kind }) => ({
      name,
      spanKind: kind.toLowerCase(),
    }))
    return kind === undefined ? operations : operations.filter(({ spanKind }) => spanKind === kind)
  })
  get('/traces', async query => {
    const ids = textsOf(query, 'traceID')
    const found =
      ids.length > 0
        ? await traces.byIds(unique(ids.slice(0, 100).map(asTraceId)))
        : await traces.search(criteriaOf(query, clock.wall()))
    return found.map(jaegerTrace)
  })
  get('/traces/:id', async (_query, { id = '' }) => {
    const spans = await traces.byId(asTraceId(id))
    if (spans.length === 0) throw new NotFound('trace not found')
    return [jaegerTrace(spans)]
  })
  get('/dependencies', async query => {
    const endMs = wholeOf(query, 'endTs', 0, Number.MAX_SAFE_INTEGER) ?? clock.wall()
    const lookbackMs = wholeOf(query, 'lookback', 1, Number.MAX_SAFE_INTEGER) ?? 86_400_000
    return (await traces.links(Math.max(0, endMs - lookbackMs) * 1000, endMs * 1000)).map(
      ({ parent, child, callCount }) => ({ parent, child, callCount }),
    )
  })
}

class NotFound extends Error {}

/** Everything comes in Jaeger's envelope, refusals too. */
async function answered(reply: FastifyReply, answer: () => Promise<unknown[]>): Promise<FastifyReply> {
  try {
    const data = await answer()
    return reply.send({ data, total: data.length, limit: 0, offset: 0, errors: null })
  } catch (error) {
    const code = error instanceof BadQuery ? 400 : error instanceof NotFound ? 404 : undefined
    if (code === undefined) throw error
    return reply
      .code(code)
      .send({ data: null, total: 0, limit: 0, offset: 0, errors: [{ code, msg: (error as Error).message }] })
  }
}

function asTraceId(given: string): string {
  const id = askedTraceId(given)
  if (id === undefined)
    throw new BadQuery(`found ${JSON.stringify(given.slice(0, 100))}, allowed: a trace id of 1 to 32 hex digits`)
  return id
}

function criteriaOf(query: Query, nowMs: number): Criteria {
  const service = textOf(query, 'service')
  if (service === undefined) throw new BadQuery('service is needed, or traceID')
  const name = textOf(query, 'operation')
  const toUs = wholeOf(query, 'end', 0, Number.MAX_SAFE_INTEGER) ?? nowMs * 1000
  const lookback = textOf(query, 'lookback') === 'custom' ? undefined : goDurationUs(query, 'lookback')
  const fromUs = wholeOf(query, 'start', 0, Number.MAX_SAFE_INTEGER) ?? Math.max(0, toUs - (lookback ?? LOOKBACK_US))
  const minDurationUs = goDurationUs(query, 'minDuration')
  const maxDurationUs = goDurationUs(query, 'maxDuration')
  return {
    service,
    ...(name === undefined || name === 'all' ? {} : { name }),
    ...(minDurationUs === undefined ? {} : { minDurationUs }),
    ...(maxDurationUs === undefined ? {} : { maxDurationUs }),
    tags: tagsOf(query),
    fromUs,
    toUs,
    limit: wholeOf(query, 'limit', 1, LIMIT_MAX) ?? 20,
  }
}

/** `tags={"error":"true"}` as JSON, and `tag=key:value`, repeated. Jaeger's error=true means that the span has failed. */
function tagsOf(query: Query): Map<string, string> {
  const tags = new Map<string, string>()
  const json = textOf(query, 'tags')
  if (json !== undefined) {
    let value: unknown
    try {
      value = JSON.parse(json)
    } catch {
      throw new BadQuery(`tags: found ${json.slice(0, 100)}, allowed: a JSON object of texts`)
    }
    for (const [key, text] of Object.entries(value ?? {})) tags.set(key, String(text))
  }
  for (const pair of textsOf(query, 'tag')) {
    const at = pair.indexOf(':')
    if (at < 1) throw new BadQuery(`tag: found ${JSON.stringify(pair.slice(0, 100))}, allowed: key:value`)
    tags.set(pair.slice(0, at), pair.slice(at + 1))
  }
  if (tags.get('error') === 'true') tags.set('error', '')
  return tags
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)]
