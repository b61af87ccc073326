import type { FastifyInstance } from 'fastify'
import { type Decision, readDecision } from '../../protocol/decision.ts'
import { peerFacts } from '../../runtime/peer-certificate.ts'
import type { ReceiveEvents } from '../events-receive.ts'
import { jsonLine } from '../json-line.ts'
import type { Reporters } from '../reporters/reporters.ts'
import type { Keep } from './intake.ts'
import type { BadItem } from './quarantine.ts'

interface DecisionReceiverOptions {
  bodyBytesMax: number
  keep: Keep
  quarantine: (bad: BadItem) => void
  events: ReceiveEvents
  /** Who may send; undefined: everybody is believed. */
  reporters: Reporters | undefined
}

/** POST /v1/decisions: a JSON array, one object, or JSON lines. 202 once the good ones are on the disk; bad ones are named in the answer. */
export function receiveDecisions(
  app: FastifyInstance,
  { bodyBytesMax, keep, quarantine, events, reporters }: DecisionReceiverOptions,
): void {
  app.register(async scope => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'string', bodyLimit: bodyBytesMax }, (_request, body, done) =>
      done(null, body),
    )
    scope.post('/v1/decisions', async (request, reply) => {
      const sender = await reporters?.check(request.headers.authorization, peerFacts(request.raw.socket))
      if (sender?.status === 'refused') return reply.code(sender.code).send({ error: sender.reason })
      if (sender !== undefined && sender.who !== 'control')
        return reply
          .code(403)
          .send({ error: `decisions are control's to send, and this certificate is for ${sender.who.service}` })
      const items = itemsOf(typeof request.body === 'string' ? request.body : '')
      events.received('decisions', 'decision', items.length)
      const rows: string[] = []
      const bad: { index: number; reason: string }[] = []
      items.forEach((item, index) => {
        const read = readDecision(item)
        const reason = read.status === 'invalid' ? read.reason : unfitTime(read.value.time)
        if (reason === undefined && read.status === 'ok') rows.push(rowOf(read.value))
        else bad.push({ index, reason: reason ?? '' })
      })
      const kept = await keep('decisions', 'decision', rows)
      if (kept.status === 'refused')
        return reply.code(kept.code).header('retry-after', String(kept.retryAfterSeconds)).send({ error: kept.reason })
      for (const { index, reason } of bad) {
        events.rejected('decisions', 'decision', 'decision', reason)
        quarantine({ by: 'decisions', signal: 'decision', reason, item: items[index]! })
      }
      const code = rows.length === 0 && bad.length > 0 ? 400 : 202
      return reply.code(code).send({ accepted: rows.length, rejected: bad.length, decisions: bad.slice(0, 100) })
    })
  })
}

/** Each item as its own JSON text, from an array, an object or lines. */
function itemsOf(body: string): string[] {
  try {
    const value: unknown = JSON.parse(body)
    return (Array.isArray(value) ? value : [value]).map(item => JSON.stringify(item))
  } catch {
    return body.split('\n').filter(line => line.trim() !== '')
  }
}

function unfitTime(time: string): string | undefined {
  return Number.isNaN(Date.parse(time)) ? '/time must be a time such as 2026-01-31T12:00:00.000Z' : undefined
}

/** As the table `decisions` has it: what has no fixed shape is kept as JSON text. */
function rowOf(decision: Decision): string {
  return jsonLine({
    ...decision,
    time: new Date(decision.time).toISOString(),
    from: JSON.stringify(decision.from ?? null),
    to: JSON.stringify(decision.to ?? null),
    evidence: JSON.stringify(decision.evidence),
  })
}
