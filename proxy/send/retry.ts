import type { Retries, RetryCondition } from '../../protocol/snapshot.ts'

/** How a try ended that did not bring the answer. A bad answer counts as a reset: the connection is of no more use. */
export type TryEnd = 'connect-failure' | 'refused-stream' | 'reset' | 'per-try-timeout'

/** Bytes of a request's body that are kept so that it can be sent again. */
export const REPLAY_BYTES_MAX = 64 * 1024

/** Methods that may be sent twice (RFC 9110, 9.2.2). */
export function isIdempotent(method: string): boolean {
  switch (method) {
    case 'GET':
    case 'HEAD':
    case 'OPTIONS':
    case 'PUT':
    case 'DELETE':
    case 'TRACE':
      return true
    default:
      return false
  }
}

/** Whether an answer with this status is asked to be retried. */
export function wantsRetryOfStatus(retries: Retries, status: number): boolean {
  for (const condition of retries.on) {
    if (condition === '5xx' && status >= 500) return true
    if (condition === 'gateway-error' && status >= 502 && status <= 504) return true
    if (condition === 'retriable-status-codes' && retries.statusCodes.includes(status)) return true
  }
  return false
}

const GRPC_CONDITIONS: Readonly<Partial<Record<RetryCondition, number>>> = {
  cancelled: 1,
  'deadline-exceeded': 4,
  'resource-exhausted': 8,
  internal: 13,
  unavailable: 14,
}

/** Whether a call of gRPC that ended with this status is asked to be retried. -1: any such status at all. */
export function wantsRetryOfGrpc(retries: Retries, grpcStatus: number): boolean {
  for (const condition of retries.on) {
    const wanted = GRPC_CONDITIONS[condition]
    if (wanted !== undefined && (grpcStatus === -1 || wanted === grpcStatus)) return true
  }
  return false
}

/** Whether an answer is asked to be retried. `grpcStatus` as its head says it, -1: not at all. */
export function wantsRetryOfAnswer(retries: Retries, status: number, grpcStatus: number): boolean {
  return (grpcStatus > 0 && wantsRetryOfGrpc(retries, grpcStatus)) || wantsRetryOfStatus(retries, status)
}

/**
 * Whether a try that ended without an answer is asked to be retried. As Envoy has it: `5xx` and `gateway-error` include every way to get
 * no answer, `reset` all but a connection that never came to be, `connect-failure` and `refused-stream` only what they say.
 */
export function wantsRetryOfEnd(retries: Retries, end: TryEnd): boolean {
  for (const condition of retries.on) {
    if (condition === '5xx' || condition === 'gateway-error') return true
    if (condition === end) return true
    if (condition === 'reset' && end !== 'connect-failure') return true
  }
  return false
}

/** Full jitter: anything up to base x 2^(n-1), at most max, for the n-th retry (from 1). `random` in [0, 1). */
export function backoffMs(retries: Retries, n: number, random: number): number {
  return random * Math.min(retries.backoffMaxMs, retries.backoffBaseMs * 2 ** (n - 1))
}

/** How long an answer's Retry-After asks to wait, in ms; 0 when there is none that can be read. `wallMs`: now, since 1970. */
export function retryAfterMs(value: string | undefined, wallMs: number): number {
  if (value === undefined) return 0
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const at = Date.parse(value)
  return Number.isNaN(at) ? 0 : Math.max(0, at - wallMs)
}
