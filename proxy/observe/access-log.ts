// Hot path when it is on: one line per request, and per TCP connection, written in batches.
import { createWriteStream } from 'node:fs'
import type { Writable } from 'node:stream'
import type { Clock } from '../../runtime/clock.ts'
import type { Exchange, Outcome } from '../exchange.ts'
import type { TcpConnection } from '../tcp/connection.ts'

export type AccessLogFormat = 'off' | 'json' | 'text'

export interface AccessLog {
  write(exchange: Exchange, outcome: Outcome): void
  /** Of a TCP connection, at its end. */
  writeConnection(connection: TcpConnection): void
  readonly droppedLines: number
  close(): Promise<void>
}

const FLUSH_MS = 100
const UNWRITTEN_BYTES_MAX = 4 * 1024 * 1024

export const noAccessLog: AccessLog = { write() {}, writeConnection() {}, droppedLines: 0, close: async () => {} }

/** `to`: a file, or '-' for stdout. A disk or reader that cannot keep up costs lines (counted), never requests. */
export function accessLog(format: Exclude<AccessLogFormat, 'off'>, to: string, clock: Clock): AccessLog {
  const out: Writable = to === '-' ? process.stdout : createWriteStream(to, { flags: 'a' })
  out.on('error', () => {})
  const line = format === 'json' ? jsonLine : textLine
  const connectionLine = format === 'json' ? jsonConnection : textConnection
  let lines = ''
  let droppedLines = 0
  const hasRoom = (): boolean => {
    const room = lines.length + out.writableLength <= UNWRITTEN_BYTES_MAX
    if (!room) droppedLines++
    return room
  }
  const flush = () => {
    if (lines === '') return
    out.write(lines, 'utf8')
    lines = ''
  }
  const stop = clock.every(FLUSH_MS, flush)
  return {
    get droppedLines() {
      return droppedLines
    },
    write(exchange, outcome) {
      if (hasRoom()) lines += line(exchange, outcome, new Date(clock.wall()).toISOString())
    },
    writeConnection(connection) {
      if (hasRoom()) lines += connectionLine(connection, new Date(clock.wall()).toISOString())
    },
    async close() {
      stop()
      flush()
      if (to !== '-') await new Promise<void>(resolve => out.end(resolve))
    },
  }
}

function jsonLine(exchange: Exchange, outcome: Outcome, time: string): string {
  const { request } = exchange
  return `${JSON.stringify({
    time,
    direction: exchange.direction,
    method: request.method,
    path: request.target,
    authority: request.authority,
    protocol: request.protocol,
    status: outcome.status,
    grpcStatus: exchange.grpc ? exchange.grpcStatus : undefined,
    flags: outcome.flags,
    reason: outcome.failure?.reason,
    detail: outcome.failure?.detail,
    durationMs: Math.round(outcome.durationMs * 1000) / 1000,
    requestBytes: outcome.requestBytes,
    responseBytes: outcome.responseBytes,
    source: exchange.source,
    intention: exchange.intention,
    upstream: exchange.service,
    version: exchange.version,
    route: exchange.route,
    endpoint: exchange.endpointAddress,
    attempts: exchange.attempts,
    peer: exchange.peerAddress,
    traceId: exchange.traceId,
    sampled: exchange.sampled,
    requestId: exchange.requestId,
  })}\n`
}

/** Envoy's default format, so that its log parsers read it. */
function textLine(exchange: Exchange, outcome: Outcome, time: string): string {
  const { request } = exchange
  const duration = Math.round(outcome.durationMs)
  return `[${time}] "${request.method} ${request.target} ${request.protocol}" ${outcome.status} ${outcome.flags || '-'} ${outcome.requestBytes} ${outcome.responseBytes} ${duration} - "${exchange.peerAddress}" "-" "${exchange.requestId}" "${request.authority}" "${exchange.endpointAddress || '-'}"\n`
}

/** The words that mean the same of a request and of a connection are the same; bytes are Envoy's: received from the client, sent to it. */
function jsonConnection(connection: TcpConnection, time: string): string {
  const { failure } = connection
  return `${JSON.stringify({
    time,
    direction: connection.direction,
    protocol: 'TCP',
    flags: failure?.flag ?? '',
    reason: failure?.reason,
    detail: failure?.detail,
    durationMs: Math.round(connection.durationMs * 1000) / 1000,
    bytesReceived: connection.received,
    bytesSent: connection.sent,
    source: connection.source,
    intention: connection.intention,
    upstream: connection.service,
    version: connection.version,
    endpoint: connection.endpointAddress,
    attempts: connection.attempts,
    peer: connection.peerAddress,
  })}\n`
}

/** As Envoy's default format comes out for TCP. */
function textConnection(connection: TcpConnection, time: string): string {
  const { failure, received, sent, peerAddress, endpointAddress } = connection
  const duration = Math.round(connection.durationMs)
  return `[${time}] "- - -" 0 ${failure?.flag ?? '-'} ${received} ${sent} ${duration} - "${peerAddress}" "-" "-" "-" "${endpointAddress || '-'}"\n`
}
