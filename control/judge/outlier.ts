import { type Alarm, oddsAlarm } from './alarm.ts'
import { endpointFuseAlarm } from './fuse-alarm.ts'
import type { Turn } from './moves.ts'
import type { EndpointState } from './service.ts'

/**
 * Endpoint outliers: each endpoint against all others of its service without itself, by the same sequential test as versions. A mean with
 * a spread of the whole crowd would be moved by the bad ones themselves: with a fifth of them bad none would stand out any more.
 */

export function endpointAlarm(turn: Turn, id: string, endpoint: EndpointState): Alarm | undefined {
  return (
    oddsAlarm(turn, 'errors', id, endpoint.errors, endpoint.traces) ??
    oddsAlarm(turn, 'slow', id, endpoint.slow, endpoint.traces) ??
    endpointFuseAlarm(turn, id, endpoint)
  )
}
