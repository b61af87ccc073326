/**
 * Who may use a route: each says it in its doc, and one that says nothing is shut.
 *
 *   everybody   no proof is asked for (or the route asks for its own)
 *   reader      read-only and admin tokens
 *   admin       admin tokens
 *   proxy       a proxy, for what is its own: by its certificate, or by a reusable join token; and admin tokens
 */
export type Door = 'everybody' | 'reader' | 'admin' | 'proxy'

/** Who stands before it. */
export type Visitor =
  | { is: 'admin' | 'reader'; name: string }
  /** `fits`: whether a service or gateway is one of those that the proof is for. */
  | { is: 'proxy'; name: string; fits(service: string): boolean; serial?: string }
  /** Nobody proved anything; `problem`: a proof was tried and refused, `why`: in a word, for counting. */
  | { is: 'nobody'; why?: string; problem?: string }

export type Entry = { status: 'enters' } | { status: 'refused'; code: 401 | 403; why: string; reason: string }

/** Whether a visitor may use a route. */
export function mayEnter(door: Door | undefined, visitor: Visitor): Entry {
  if (door === 'everybody') return { status: 'enters' }
  if (door === undefined)
    return { status: 'refused', code: 403, why: 'no-door', reason: 'this route says nothing of who may use it' }
  if (visitor.is === 'nobody') {
    const { why = 'no-proof', problem = 'no proof was given' } = visitor
    return { status: 'refused', code: 401, why, reason: problem }
  }
  if (visitor.is === 'admin' || visitor.is === door) return { status: 'enters' }
  const reason = `${visitor.name} is a ${visitor.is}, this is for ${door} only`
  return { status: 'refused', code: 403, why: 'not-allowed', reason }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of a route without a doc. */
    door?: Door
  }
  interface FastifyRequest {
    visitor: Visitor
  }
}
