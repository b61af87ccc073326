import { readFileSync, rmSync } from 'node:fs'
import { type Http2Load, runH2load } from './h2load.ts'
import type { LoadResult } from './wrk.ts'

export interface PacedLoad extends Omit<Http2Load, 'streams'> {
  /** Of all connections together. */
  requestsPerSecond: number
  /** One request at a time on each connection: what is due meanwhile goes behind it, and counts as late if it is. Default: HTTP/2. */
  http1?: boolean
}

export interface PacedResult extends LoadResult {
  /** From sending a request to the end of its answer, of those that are 2xx, ascending. */
  latenciesUs: readonly number[]
  /** What was really sent. */
  requestsPerSecond: number
  /** Requests that went out more than LATE_US behind the plan. */
  late: number
}

/** More than a connection is ever owed at a rate that is kept, and no more than proxies allow: what h2load holds back, it does not time. */
const STREAMS = 100
/** Connections begin one after the other: their ticks of 10 ms, which all would begin at once, are then spread. */
const SPREAD = ['-r1', '--rate-period=11ms']
const SETTLE_US = 300_000
/** Two ticks. */
const LATE_US = 20_000

/**
 * Loads with h2load over HTTP/2 in clear text at a fixed rate, for `seconds` and a little more. h2load sends by its clock, whether answers
 * came or not, so a slow answer hides none behind it (no coordinated omission); a connection that is owed 100 answers is the exception, and
 * what it holds back for more than 20 ms is counted as late. The clock of --rps ticks for each connection at most every 10 ms and sends
 * then what has become due, in one write (rps_cb in src/h2load.cc of nghttp2 1.52): the load comes in bursts of 10 ms' requests, and
 * latency tells how a burst is worked off. A request whose tick came late is timed from when it was sent.
 */
export async function pacedH2load(program: string, load: PacedLoad): Promise<PacedResult> {
  const { seconds, requestsPerSecond, http1 = false, ...shape } = load
  const { clients, folder, port } = shape
  const log = `${folder}/log-${port}`
  const requests = Math.round((seconds + SETTLE_US / 1e6) * requestsPerSecond)
  const pace = [
    `-n${requests}`,
    `--rps=${requestsPerSecond / clients}`,
    ...SPREAD,
    `--log-file=${log}`,
    ...(http1 ? ['--h1'] : []),
  ]
  const result = await runH2load(program, { ...shape, streams: http1 ? 1 : STREAMS }, pace)
  const text = readFileSync(log, 'utf8')
  rmSync(log)
  return { ...result, ...assessPace(sentOf(text), requestsPerSecond, seconds * 1e6) }
}

interface Sent {
  atUs: number
  status: number
  latencyUs: number
}

/** Of lines of start, status and duration, in the order of starts. */
function sentOf(log: string): Sent[] {
  return log
    .trimEnd()
    .split('\n')
    .map(line => line.split('\t').map(Number) as [number, number, number])
    .map(([atUs, status, latencyUs]) => ({ atUs, status, latencyUs }))
    .sort((a, b) => a.atUs - b.atUs)
}

/** Looks at the time when all connections send: after the last has begun, before the first has ended. */
function assessPace(
  sent: readonly Sent[],
  requestsPerSecond: number,
  durationUs: number,
): Pick<PacedResult, 'latenciesUs' | 'requestsPerSecond' | 'late'> {
  const beginUs = (sent[0]?.atUs ?? 0) + SETTLE_US
  const looked = sent.filter(({ atUs }) => atUs >= beginUs && atUs < beginUs + durationUs)
  const dueUs = (index: number) => beginUs + (index * 1e6) / requestsPerSecond
  return {
    latenciesUs: looked
      .filter(({ status }) => status >= 200 && status < 300)
      .map(({ latencyUs }) => latencyUs)
      .sort((a, b) => a - b),
    requestsPerSecond: (looked.length * 1e6) / durationUs,
    late: looked.filter(({ atUs }, index) => atUs > dueUs(index) + LATE_US).length,
  }
}
