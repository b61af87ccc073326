import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { type Door, mayEnter, type Visitor } from '../door.ts'
import { refuse } from '../refusal.ts'
import type { AuditEntry, IdentityStore } from '../state/identity-store.ts'
import type { IdentityEvents } from './events.ts'
import { refuseTooMany } from './identity-routes.ts'
import type { Visitors } from './visitors.ts'

export interface Audit {
  write(entry: Omit<AuditEntry, 'id' | 'time'>): void
}

/** Writes each change down: in the log at once, and on disk; a disk that refuses is told of and does not undo the change. */
export function auditBook(
  store: Pick<IdentityStore, 'audit'>,
  wall: () => number,
  events: Pick<IdentityEvents, 'audited' | 'auditLost'>,
): Audit {
  return {
    write(entry) {
      events.audited(entry)
      try {
        store.audit({ time: new Date(wall()).toISOString(), ...entry })
      } catch (error) {
        events.auditLost((error as Error).message)
      }
    },
  }
}

const DETAIL_MAX = 500
const hints = {
  401: 'Give a token: authorization: Bearer ... (the first one lies in the file admin-token of control’s data directory). The trimtab command takes --token, --token-file, or TRIMTAB_TOKEN.',
  403: 'Use a token or a certificate that may: GET /openapi.json says for each route who does.',
} as const

/**
 * Stands before every route: finds out who asks, lets in or refuses, and writes down what was changed or tried. `doorOf` knows the doors
 * of routes; a route without one is shut.
 */
export function guard(
  app: FastifyInstance,
  parts: {
    visitors: Visitors
    audit: Audit
    events: Pick<IdentityEvents, 'limited'>
    doorOf(request: FastifyRequest): Door | undefined
  },
): void {
  const { visitors, audit } = parts
  app.decorateRequest('visitor', { getter: (): Visitor => ({ is: 'nobody' }) })
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) return done()
    const seen = visitors.see(request)
    if (seen.status === 'wait') {
      parts.events.limited(request.raw.socket.remoteAddress)
      refuseTooMany(reply, seen.waitMs)
      return
    }
    Object.defineProperty(request, 'visitor', { value: seen.visitor })
    const entry = mayEnter(parts.doorOf(request), seen.visitor)
    if (entry.status === 'enters') return done()
    visitors.failed(request, entry, entry.code === 401)
    if (changes(request)) audit.write({ ...told(request), outcome: 'refused', reason: entry.reason })
    if (entry.code === 401) reply.header('www-authenticate', 'Bearer')
    refuse(reply, entry.code, {
      error: entry.code === 401 ? 'not-proved' : 'not-allowed',
      message: `Not let in: ${entry.reason}.`,
      hint: hints[entry.code],
    })
  })
  app.addHook('onResponse', (request, reply, done) => {
    const door = parts.doorOf(request)
    // Refusals at the door were written above; what everybody may do writes its own.
    if (
      changes(request) &&
      door !== undefined &&
      door !== 'everybody' &&
      mayEnter(door, request.visitor).status === 'enters'
    ) {
      const failed = reply.statusCode >= 500
      const outcome = reply.statusCode < 400 ? 'done' : failed ? 'failed' : 'refused'
      audit.write({ ...told(request), outcome, reason: outcome === 'done' ? '' : `answered ${reply.statusCode}` })
    }
    done()
  })
}

/** Of a request: who, from where, what. The body goes along shortened; none that is asked for holds a secret. */
export function told(request: FastifyRequest): Pick<AuditEntry, 'who' | 'from' | 'what' | 'detail'> {
  const { visitor } = request
  const body = request.body === undefined || request.body === null ? '' : JSON.stringify(request.body)
  return {
    who: visitor.is === 'nobody' ? 'nobody' : visitor.name,
    from: request.raw.socket.remoteAddress ?? 'unknown',
    what: `${request.method} ${request.url.split('?', 1)[0]!.slice(0, DETAIL_MAX)}`,
    detail: body.slice(0, DETAIL_MAX),
  }
}

function changes({ method }: FastifyRequest): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS'
}

const Entry = Type.Object({
  id: Type.Integer(),
  time: Type.String(),
  who: Type.String(),
  from: Type.String(),
  what: Type.String(),
  detail: Type.String(),
  outcome: Type.Union([Type.Literal('done'), Type.Literal('refused'), Type.Literal('failed')]),
  reason: Type.String(),
})
const Query = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
  before: Type.Optional(Type.Integer({ minimum: 1 })),
})

/** GET /v1/audit, newest first (`before`: the id to go on from). */
export function auditRoutes(app: FastifyInstance, store: Pick<IdentityStore, 'audits'>): void {
  app.get<{ Querystring: { limit?: number; before?: number } }>(
    '/v1/audit',
    {
      schema: { querystring: Query },
      config: {
        doc: {
          summary: 'Every change that was asked for: who, what, from where, outcome; newest first',
          door: 'admin',
          answer: Type.Object({ entries: Type.Array(Entry) }),
          refuses: [400, 401, 403],
        },
      },
    },
    async request => {
      const { limit = 50, before = Number.MAX_SAFE_INTEGER } = request.query
      return { entries: store.audits(limit, before) }
    },
  )
}
