import { Socket } from 'node:net'
import type { ListenerContext } from '../../proxy/accept/context.ts'
import { defaultListenerLimits } from '../../proxy/accept/settings.ts'
import { emptyListenerStats } from '../../proxy/accept/stats.ts'
import type { Direction } from '../../proxy/exchange.ts'
import { TcpConnection } from '../../proxy/tcp/connection.ts'
import { silentLog } from '../../runtime/log.ts'
import { manualClock } from './manual-clock.ts'

/** A connection of nobody: its socket was never connected. */
export function tcpConnectionOf(
  direction: Direction,
  caller: { source: string; sourceId: string } = { source: '', sourceId: '' },
): TcpConnection {
  const context: ListenerContext = {
    direction,
    allowConnect: false,
    limits: defaultListenerLimits,
    handler() {},
    clock: manualClock(),
    log: silentLog,
    events: {},
    stats: emptyListenerStats(),
    http2: { options: {} as ListenerContext['http2']['options'], say() {} },
    coarseNow: 0,
    draining: false,
    closed() {},
  }
  return new TcpConnection(new Socket(), caller, '10.0.0.9:4711', context)
}
