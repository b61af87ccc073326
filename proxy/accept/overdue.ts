import { BODY, DISCARDING, HEAD, type Intake, LINGERING, TUNNEL } from './intake.ts'
import type { ListenerLimits } from './settings.ts'

/**
 * What a client keeps waiting for too long; 'nothing': it does not. head: the rest of one. idle: a request, none of which is here. body: the
 * next piece of it. rest: of a body that nobody wants. tunnel: anything, from either side. close: the end of its side, after ours.
 */
export type Overdue = 'nothing' | 'head' | 'idle' | 'body' | 'rest' | 'tunnel' | 'close'

/** `nowMs` monotonic; coarse will do. */
export function whatIsOverdue(
  { state, isPaused, sinceMs, headSinceMs }: Pick<Intake, 'state' | 'isPaused' | 'sinceMs' | 'headSinceMs'>,
  limits: ListenerLimits,
  nowMs: number,
): Overdue {
  const quietMs = nowMs - sinceMs
  switch (state) {
    case HEAD:
      if (headSinceMs > 0) return nowMs - headSinceMs > limits.headTimeoutMs ? 'head' : 'nothing'
      return quietMs > limits.idleTimeoutMs ? 'idle' : 'nothing'
    case BODY:
      return !isPaused && quietMs > limits.bodyTimeoutMs ? 'body' : 'nothing'
    case DISCARDING:
      return quietMs > limits.bodyTimeoutMs ? 'rest' : 'nothing'
    case TUNNEL:
      return quietMs > limits.tunnelIdleTimeoutMs ? 'tunnel' : 'nothing'
    case LINGERING:
      return quietMs > limits.lingerMs ? 'close' : 'nothing'
    default:
      return 'nothing'
  }
}
