import type { TcpConnection, TcpStage } from '../tcp/connection.ts'
import type { AccessLog } from './access-log.ts'
import type { ConnectionTraffic } from './connection-traffic.ts'

export interface ConnectionObserverParts {
  /** Who calls through this proxy. Of inbound connections nobody has proven it. */
  source: string
  traffic: ConnectionTraffic
  accessLog: AccessLog
  next: TcpStage
}

/** Gives each TCP connection its row and its line, however it ends. No span: a connection is no request, and its bytes carry no trace. */
export function createConnectionObserver({ source, traffic, accessLog, next }: ConnectionObserverParts): TcpStage {
  const whenOver = (connection: TcpConnection): void => {
    traffic.over(connection)
    accessLog.writeConnection(connection)
  }
  return connection => {
    if (connection.direction !== 'inbound') connection.source = source
    connection.onAttempt = traffic.attemptOver
    connection.onTaken = traffic.taken
    connection.whenOver(whenOver)
    traffic.started(connection)
    next(connection)
  }
}
