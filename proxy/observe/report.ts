import type { ReportHello, ReportKey, ReportLine } from '../../protocol/report.ts'
import { PROTOCOL } from '../../protocol/version.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import { type Receiver, sameReceiver } from './receiver.ts'
import { reportBacklog } from './report-backlog.ts'
import { openReportStream, PARTING_MS, type ReportStream } from './report-stream.ts'
import type { Traffic } from './traffic.ts'

const INTERVAL_MS = 250
/** A collector that takes nothing for this long is gone, though its connection stands. */
const SILENCE_MS = 3000
const KEYS_PER_LINE = 500
const BACKOFF_MAX_MS = 2000

export interface ReportParts {
  identity: Omit<ReportHello, 'protocol' | 'program' | 'version'>
  programVersion: string
  traffic: Traffic
  /** Looks once at the local fuses and answers whether one holds an endpoint out; undefined when this proxy does not know the endpoint. */
  fuses: () => (service: string, endpoint: string) => boolean | undefined
  /** Epoch in force, and the last refusal if it still stands. */
  standing: () => { epoch: number; refused: { epoch: number; reason: string } | undefined }
  /** What proves to the collector who reports; undefined: this proxy has no identity. */
  proof: () => Promise<string | undefined>
  clock: Clock
  random: () => number
  log: Log
}

export interface TrafficReport {
  /** The collector, by its base URL; undefined: nobody wants to know. */
  target(receiver: Receiver | undefined): void
  /** Goes on over a new connection, once the collector has read the one before, if there is one, to its end: what we prove has changed. */
  reconnect(): void
  readonly connected: boolean
  readonly problem: string
  readonly droppedLines: number
  close(): Promise<void>
}

/**
 * Reports traffic four times a second over one long-lived POST. Also an idle proxy speaks: silence and no traffic are two things.
 * What finds no collector is kept for ten seconds in coarser lines and sent when it is back, in order; what is older is dropped and counted.
 * `seq` goes on over streams, so that the collector sees what never came.
 */
export function trafficReport(parts: ReportParts): TrafficReport {
  const { clock, random, log, traffic } = parts
  const backlog = reportBacklog()
  let receiver: Receiver | undefined
  let stream: ReportStream | undefined
  let seq = 0
  let takenMs = clock.now()
  let failures = 0
  let notBeforeMs = 0
  let droppedLines = 0
  /** The last stream is read to its end; the next one begins then. */
  let handingOver = false
  let problem = NOT_REACHED

  const lineOf = (line: Omit<ReportLine, 'seq' | 'epoch'>): string =>
    `${JSON.stringify({ seq: seq++, epoch: parts.standing().epoch, ...line })}\n`

  const nextLine = (): string | undefined => {
    const interval = backlog.take()
    if (interval === undefined) return undefined
    const { intervalMs, rows, keys } = interval
    const { refused } = parts.standing()
    const news = Object.keys(keys).length === 0 ? {} : { keys }
    return lineOf({ intervalMs, rows: [...rows], ...news, ...(refused === undefined ? {} : { refused }) })
  }

  /** What a stream starts with: who speaks, then every key that was announced before, on any stream. */
  const opening = (): (() => string | undefined)[] => {
    const hello: ReportHello = {
      protocol: PROTOCOL,
      program: 'proxy',
      version: parts.programVersion,
      ...parts.identity,
    }
    const told = chunksOf(traffic.announced()).map(keys => () => lineOf({ intervalMs: 0, rows: [], keys }))
    return [() => `${JSON.stringify(hello)}\n`, ...told]
  }

  const open = (to: Receiver): void => {
    const first = opening()
    const take = () => (first.length > 0 ? first.shift()!() : nextLine())
    const opened = openReportStream(to, clock, take, parts.proof)
    stream = opened
    void opened.over.then(why => {
      if (stream !== opened) return
      stream = undefined
      opened.leave()
      if (failures++ === 0) log.warn(`the traffic report is not heard: ${why}; trying again`)
      problem = why
      notBeforeMs = clock.now() + Math.min(BACKOFF_MAX_MS, 100 * 2 ** failures) * (0.5 + random() / 2)
    })
  }

  const takeInterval = (): void => {
    const now = clock.now()
    const intervalMs = now - takenMs
    takenMs = now
    const rows = traffic.takeRows(parts.fuses())
    if (receiver === undefined) return
    const dropped = backlog.add({ ...rows, intervalMs })
    droppedLines += dropped
    // The gap tells the collector what it will never see.
    seq += dropped
  }

  const report = (): void => {
    takeInterval()
    const now = clock.now()
    if (receiver !== undefined && stream === undefined && now >= notBeforeMs) open(receiver)
    if (stream === undefined) return
    stream.wake()
    if (now - stream.takenMs > SILENCE_MS) stream.giveUp(`the collector took nothing for ${SILENCE_MS} ms`)
    else if (problem !== '' && stream.heard && backlog.lines === 0) {
      if (failures > 0) log.info('the traffic report is heard again')
      failures = 0
      problem = ''
    }
  }
  const stop = clock.every(INTERVAL_MS, report)

  return {
    get connected() {
      return (stream !== undefined || handingOver) && problem === ''
    },
    get problem() {
      return receiver === undefined ? '' : problem
    },
    get droppedLines() {
      return droppedLines
    },
    target(next) {
      if (sameReceiver(next, receiver)) return
      receiver = next
      handingOver = false
      stream?.leave()
      stream = undefined
      notBeforeMs = 0
      failures = 0
      problem = NOT_REACHED
    },
    reconnect() {
      if (receiver?.connector === undefined || handingOver) return
      const last = stream
      if (last === undefined) {
        notBeforeMs = 0
        return
      }
      stream = undefined
      handingOver = true
      notBeforeMs = Number.POSITIVE_INFINITY
      void last.close(SILENCE_MS).then(() => {
        if (handingOver) notBeforeMs = 0
        handingOver = false
      })
    },
    async close() {
      stop()
      takeInterval()
      const last = stream
      stream = undefined
      await last?.close(PARTING_MS)
      droppedLines += backlog.lines
    },
  }
}

const NOT_REACHED = 'the collector was not reached yet'

/** Keys in portions, so that no line grows with everything that was ever seen. */
function chunksOf(keys: Readonly<Record<string, ReportKey>>): Record<string, ReportKey>[] {
  const entries = Object.entries(keys)
  const chunks: Record<string, ReportKey>[] = []
  for (let at = 0; at < entries.length; at += KEYS_PER_LINE)
    chunks.push(Object.fromEntries(entries.slice(at, at + KEYS_PER_LINE)))
  return chunks
}
