// Hot path: `sortOut` runs for every span.

import type { IncomingMessage } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { readSpan, SPAN_CHARS_MAX, type Span, writeSpan } from '../../protocol/span.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { ReceiveEvents } from '../events-receive.ts'
import { readBody } from './body.ts'
import type { MemoryBudget } from './budget.ts'
import type { Keep } from './intake.ts'
import type { BadItem } from './quarantine.ts'

/** Bad spans that an answer names; the count tells of all. */
const NAMED_MAX = 100
/** Spans that are read before others get their turn: some milliseconds. */
const SPANS_A_TURN = 2000

interface SpanReceiverOptions {
  bodyBytesMax: number
  budget: MemoryBudget
  clock: Clock
  keep: Keep
  /** Spans that are safe now, with their written form. */
  onAccepted: (spans: readonly Span[], lines: readonly string[]) => void
  quarantine: (bad: BadItem) => void
  events: ReceiveEvents
}

interface BadSpan {
  index: number
  reason: string
  traceId?: string
  id?: string
}

interface Sorted {
  spans: Span[]
  lines: string[]
  bad: BadSpan[]
}

/** POST /api/v2/spans: a JSON array of Zipkin v2 spans. 202 once the good ones are on the disk; bad ones are named in the answer. */
export function receiveSpans(app: FastifyInstance, options: SpanReceiverOptions): void {
  const { bodyBytesMax, budget, clock, events } = options
  app.register(async scope => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    scope.post('/api/v2/spans', async (request, reply) => {
      const type = request.headers['content-type']
      if (type !== undefined && !/^(application\/json|text\/json|text\/plain)\b/i.test(type))
        return refuse(
          reply,
          request.raw,
          415,
          `content-type ${type} is not read here, allowed: application/json`,
          events,
        )
      const read = await readBody(request.raw, { bytesMax: bodyBytesMax, budget, clock })
      if (read.status === 'refused') return refuse(reply, request.raw, read.code, read.reason, events)
      try {
        return await takeBody(reply, request.raw, read.body, options)
      } finally {
        read.release()
      }
    })
  })
}

async function takeBody(
  reply: FastifyReply,
  request: IncomingMessage,
  body: Buffer,
  options: SpanReceiverOptions,
): Promise<FastifyReply> {
  const { keep, onAccepted, quarantine, events } = options
  if (body.length === 0) return reply.code(202).send()
  const parsed = parseArray(body)
  if (parsed.status === 'invalid') return refuse(reply, request, 400, parsed.reason, events)
  const { spans, lines, bad } = await sortOut(parsed.items)
  events.received('zipkin', 'span', parsed.items.length)
  const kept = await keep('zipkin', 'span', lines)
  for (const { index, reason } of bad) {
    events.rejected('zipkin', 'span', fieldOf(reason), reason)
    // What is refused as a whole comes again: its bad spans are kept then.
    if (kept.status === 'durable')
      quarantine({ by: 'zipkin', signal: 'span', reason, item: JSON.stringify(parsed.items[index]) ?? '' })
  }
  if (kept.status === 'refused')
    return reply.code(kept.code).header('retry-after', String(kept.retryAfterSeconds)).send({ error: kept.reason })
  onAccepted(spans, lines)
  if (bad.length === 0) return reply.code(202).send()
  return reply
    .code(lines.length === 0 ? 400 : 202)
    .send({ accepted: lines.length, rejected: bad.length, spans: bad.slice(0, NAMED_MAX) })
}

function parseArray(body: Buffer): { status: 'ok'; items: unknown[] } | { status: 'invalid'; reason: string } {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return Array.isArray(value)
      ? { status: 'ok', items: value }
      : { status: 'invalid', reason: 'the body must be a JSON array of spans' }
  } catch (error) {
    return { status: 'invalid', reason: `the body is not JSON: ${(error as Error).message}` }
  }
}

async function sortOut(items: readonly unknown[]): Promise<Sorted> {
  const sorted: Sorted = { spans: [], lines: [], bad: [] }
  for (let index = 0; index < items.length; index++) {
    if (index > 0 && index % SPANS_A_TURN === 0) await nextTurn()
    const read = readSpan(items[index])
    if (read.status === 'invalid') {
      sorted.bad.push(badSpan(index, items[index], read.reason))
      continue
    }
    const line = writeSpan(read.span)
    if (line.length > SPAN_CHARS_MAX)
      sorted.bad.push(badSpan(index, items[index], `/ has ${line.length} characters, ${SPAN_CHARS_MAX} allowed`))
    else {
      sorted.spans.push(read.span)
      sorted.lines.push(line)
    }
  }
  return sorted
}

function badSpan(index: number, item: unknown, reason: string): BadSpan {
  const { traceId, id } = (item ?? {}) as Record<string, unknown>
  const bad: BadSpan = { index, reason }
  if (typeof traceId === 'string') bad.traceId = traceId.slice(0, 64)
  if (typeof id === 'string') bad.id = id.slice(0, 64)
  return bad
}

/** `/tags/a must be a text` is a matter of `tags`: the first step of the path, which our own reader wrote. */
function fieldOf(reason: string): string {
  return /^\/([A-Za-z]*)/.exec(reason)?.[1] || 'span'
}

/** Answers a request whose body is not read, or not to its end: its connection cannot carry another. */
function refuse(
  reply: FastifyReply,
  request: IncomingMessage,
  code: number,
  reason: string,
  events: ReceiveEvents,
): FastifyReply {
  events.requestRefused('zipkin', code, reason)
  if (!request.complete) {
    reply.header('connection', 'close')
    reply.raw.once('finish', () => request.destroy())
  }
  if (code === 429) reply.header('retry-after', '1')
  return reply.code(code).send({ error: reason })
}
