// Hot path when it is on: one line per request, written in batches.
import { createWriteStream } from 'node:fs'
import type { Writable } from 'node:stream'
import type { Clock } from '../../runtime/clock.ts'
import type { Exchange, Outcome } from '../exchange.ts'

export type AccessLogFormat = 'off' | 'json' | 'text'

export interface AccessLog {
  write(exchange: Exchange, outcome: Outcome): void
  readonly droppedLines: number
  close(): Promise<void>
}

const FLUSH_MS = 100
const UNWRITTEN_BYTES_MAX = 4 * 1024 * 1024

export const noAccessLog: AccessLog = { write() {}, droppedLines: 0, close: async () => {} }

/** `to`: a file, or '-' for stdout. A disk or reader that cannot keep up costs lines (counted), never requests. */
export function accessLog(format: Exclude<AccessLogFormat, 'off'>, to: string, clock: Clock): AccessLog {
  const out: Writable = to === '-' ? process.stdout : createWriteStream(to, { flags: 'a' })
  out.on('error', () => {})
  const line = format === 'json' ? jsonLine : textLine
  let lines = ''
  let droppedLines = 0
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
      if (lines.length + out.writableLength > UNWRITTEN_BYTES_MAX) {
        droppedLines++
        return
      }
      lines += line(exchange, outcome, new Date(clock.wall()).toISOString())
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
