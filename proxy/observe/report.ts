import { PassThrough } from 'node:stream'
import { Agent, request } from 'undici'
import type { ReportHello, ReportKey, ReportLine, ReportRow } from '../../protocol/report.ts'
import { PROTOCOL } from '../../protocol/version.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import type { Traffic } from './traffic.ts'

const INTERVAL_MS = 250
/** While the collector is away this many lines are kept, then the oldest are dropped and counted. */
const KEPT_LINES_MAX = 40
const UNSENT_BYTES_MAX = 1024 * 1024
const BACKOFF_MAX_MS = 2000

export interface ReportParts {
  identity: Omit<ReportHello, 'protocol' | 'program' | 'version'>
  programVersion: string
  traffic: Traffic
  /** Looks once at the local fuses and answers whether one holds an endpoint out; undefined when this proxy does not know the endpoint. */
  fuses: () => (service: string, endpoint: string) => boolean | undefined
  /** Epoch in force, and the last refusal if it still stands. */
  standing: () => { epoch: number; refused: { epoch: number; reason: string } | undefined }
  clock: Clock
  random: () => number
  log: Log
}

export interface TrafficReport {
  /** Base URL of the collector; undefined: nobody wants to know. */
  target(url: string | undefined): void
  readonly connected: boolean
  readonly problem: string
  readonly droppedLines: number
  close(): Promise<void>
}

/**
 * Reports traffic four times a second over one long-lived POST. Also an idle proxy speaks: silence and no traffic are two things.
 * Lines that find no collector are kept for ten seconds and sent when it is back, in order; older ones are dropped and counted.
 */
export function trafficReport(parts: ReportParts): TrafficReport {
  const { clock, random, log, traffic } = parts
  const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 2000 }, pipelining: 0 })
  let url: string | undefined
  let stream: PassThrough | undefined
  let abort = new AbortController()
  let kept: { rows: ReportRow[]; keys: Record<string, ReportKey>; intervalMs: number }[] = []
  let seq = 0
  let takenMs = clock.now()
  let failures = 0
  let notBeforeMs = 0
  let droppedLines = 0
  let problem = 'the collector was not reached yet'

  const write = (line: ReportLine): void => {
    stream?.write(`${JSON.stringify(line)}\n`)
  }

  const open = (): void => {
    const body = new PassThrough({ highWaterMark: UNSENT_BYTES_MAX })
    stream = body
    abort = new AbortController()
    seq = 0
    const hello: ReportHello = {
      protocol: PROTOCOL,
      program: 'proxy',
      version: parts.programVersion,
      ...parts.identity,
    }
    body.write(`${JSON.stringify(hello)}\n`)
    write({ seq: seq++, intervalMs: 0, epoch: parts.standing().epoch, keys: traffic.announced(), rows: [] })
    const lost = (why: string) => {
      if (stream !== body) return
      stream = undefined
      body.destroy()
      if (failures++ === 0) log.warn(`the traffic report is not heard: ${why}; trying again`)
      problem = why
      notBeforeMs = clock.now() + Math.min(BACKOFF_MAX_MS, 100 * 2 ** failures) * (0.5 + random() / 2)
    }
    request(new URL('/v1/reports', url), {
      method: 'POST',
      body,
      dispatcher: agent,
      signal: abort.signal,
      headers: { 'content-type': 'application/x-ndjson', b3: '0' },
    }).then(
      async answer =>
        lost(
          `the collector answered ${answer.statusCode}: ${(await answer.body.text().catch(() => '')).slice(0, 300)}`,
        ),
      error => lost((error as Error).message),
    )
  }

  const report = (): void => {
    const now = clock.now()
    const intervalMs = now - takenMs
    if (url === undefined) return
    takenMs = now
    if (stream === undefined && now >= notBeforeMs) open()
    kept.push({ ...traffic.takeRows(parts.fuses()), intervalMs })
    if (kept.length > KEPT_LINES_MAX) {
      kept.shift()
      droppedLines++
    }
    if (stream === undefined || stream.writableLength > UNSENT_BYTES_MAX) return
    for (const { rows, keys, intervalMs } of kept) {
      const { epoch, refused } = parts.standing()
      const line: ReportLine = { seq: seq++, intervalMs, epoch, rows }
      if (Object.keys(keys).length > 0) line.keys = keys
      if (refused !== undefined) line.refused = refused
      write(line)
    }
    kept = []
    if (stream.writableLength === 0 && failures > 0) {
      log.info('the traffic report is heard again')
      failures = 0
    }
    if (stream.writableLength === 0) problem = ''
  }
  const stop = clock.every(INTERVAL_MS, report)

  return {
    get connected() {
      return stream !== undefined && problem === ''
    },
    get problem() {
      return url === undefined ? '' : problem
    },
    get droppedLines() {
      return droppedLines
    },
    target(next) {
      if (next === url) return
      url = next
      stream?.end()
      stream = undefined
      abort.abort()
      notBeforeMs = 0
      failures = 0
    },
    async close() {
      stop()
      report()
      const last = stream
      stream = undefined
      last?.end()
      await new Promise(resolve => setImmediate(resolve))
      await agent.destroy()
    },
  }
}
