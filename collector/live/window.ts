// Hot path: `take` runs for every line of every proxy.

import type { ReportHello, ReportLine } from '../../protocol/report.ts'
import type { Reporter, Tick } from '../../protocol/tick.ts'
import { isSketch, type MergedKey, mergedKeys } from './keys.ts'
import { judgeSequence } from './sequence.ts'

/** A proxy that is silent for longer is told as missing. */
const MISSING_AFTER_MS = 1000
/** A missing proxy is told for this long, then forgotten. */
const FORGET_AFTER_MS = 60_000
/** Keys that one stream may announce. */
const STREAM_KEYS_MAX = 20_000

/** What became of a line. Rows that could not be merged are counted by their reason. */
export type Taken =
  | { status: 'merged'; rows: number; missedLines: number; restarted: boolean; droppedRows: DroppedRows }
  | { status: 'duplicate' }
export type DroppedRows = Record<'unknown-key' | 'key-overflow' | 'bad-sketch', number>

/** One proxy's open stream of lines. */
export interface ReporterStream {
  take(line: ReportLine, now: number): Taken
  /** The stream has ended: the proxy's gauges no longer count. */
  close(): void
}

export type Opened = { status: 'open'; stream: ReporterStream } | { status: 'refused'; reason: string }

export interface LiveWindow {
  /** A proxy begins to report. `cut` is called when another stream of the same instance takes its place. */
  open(hello: ReportHello, now: number, cut: (reason: string) => void): Opened
  /** Everything since the last tick, merged. */
  tick(now: number, time: string): Tick
  readonly reporting: number
  readonly keys: number
}

interface KnownReporter {
  hello: ReportHello
  epoch: number
  refused: Reporter['refused']
  lastSeq: number | undefined
  lastLineAt: number
  inTick: boolean
  cut: ((reason: string) => void) | undefined
}

/** A key as one stream numbers it, with this proxy's part in the merged gauges. */
interface StreamKey {
  merged: MergedKey | undefined
  inFlight: number
  fused: boolean
  seenInLine: number
}

/** The live window: lines of all proxies since the last tick, merged by key. Pure: time comes with every call. */
export function liveWindow(bounds: { reportersMax: number; keysMax: number }, openedAt: number): LiveWindow {
  const merged = mergedKeys(bounds.keysMax)
  const reporters = new Map<string, KnownReporter>()
  let lastTickAt = openedAt
  let seq = 0

  function open(hello: ReportHello, now: number, cut: (reason: string) => void): Opened {
    const before = reporters.get(hello.instance)
    if (!before && reporters.size >= bounds.reportersMax)
      return { status: 'refused', reason: `${bounds.reportersMax} proxies report already, which is the limit` }
    before?.cut?.(`instance ${hello.instance} opened another report stream, which takes the place of this one`)
    const reporter: KnownReporter = {
      hello,
      epoch: before?.epoch ?? 0,
      refused: before?.refused,
      lastSeq: before?.lastSeq,
      lastLineAt: now,
      inTick: false,
      cut,
    }
    reporters.set(hello.instance, reporter)
    return { status: 'open', stream: openStream(reporter) }
  }

  function openStream(reporter: KnownReporter): ReporterStream {
    const keys = new Map<number, StreamKey>()
    let lines = 0
    let closed = false
    const announce = (announced: NonNullable<ReportLine['keys']>) => {
      for (const [id, key] of Object.entries(announced)) {
        const number = Number(id)
        if (keys.has(number) || keys.size >= STREAM_KEYS_MAX) continue
        keys.set(number, { merged: merged.know(key), inFlight: 0, fused: false, seenInLine: 0 })
      }
    }
    const setGauges = (key: StreamKey, target: MergedKey, inFlight: number, fused: boolean) => {
      target.inFlight += inFlight - key.inFlight
      target.fusedBy += Number(fused) - Number(key.fused)
      key.inFlight = inFlight
      key.fused = fused
    }
    const mergeRows = (line: ReportLine): DroppedRows => {
      const dropped: DroppedRows = { 'unknown-key': 0, 'key-overflow': 0, 'bad-sketch': 0 }
      for (const row of line.rows) {
        const key = keys.get(row.key)
        if (!key) dropped['unknown-key'] += 1
        else if (!key.merged) dropped['key-overflow'] += 1
        else if (!isSketch(row.sketch)) dropped['bad-sketch'] += 1
        else {
          key.seenInLine = lines
          setGauges(key, key.merged, row.inFlight, row.fused ?? false)
          merged.add(key.merged, row)
        }
      }
      return dropped
    }
    return {
      take(line, now) {
        reporter.lastLineAt = now
        const sequenced = judgeSequence(reporter.lastSeq, line.seq, lines === 0)
        lines += 1
        reporter.epoch = line.epoch
        reporter.refused = line.refused
        reporter.inTick = true
        if (line.keys) announce(line.keys)
        if (sequenced.status === 'seen') return { status: 'duplicate' }
        reporter.lastSeq = line.seq
        const droppedRows = mergeRows(line)
        // A key that the line does not name has nothing in flight. Its fuse stands as it was told last.
        for (const key of keys.values())
          if (key.inFlight > 0 && key.seenInLine !== lines && key.merged) setGauges(key, key.merged, 0, key.fused)
        const { missed: missedLines, restarted } = sequenced
        return { status: 'merged', rows: line.rows.length, missedLines, restarted, droppedRows }
      },
      close() {
        if (closed) return
        closed = true
        reporter.cut = undefined
        for (const key of keys.values()) {
          if (!key.merged) continue
          setGauges(key, key.merged, 0, false)
          merged.forget(key.merged)
        }
        keys.clear()
      },
    }
  }

  function tick(now: number, time: string): Tick {
    const reported: Reporter[] = []
    const missing: Reporter[] = []
    for (const [instance, reporter] of reporters) {
      const silentMs = now - reporter.lastLineAt
      if (reporter.inTick) reported.push(told(reporter, silentMs))
      else if (silentMs > FORGET_AFTER_MS && !reporter.cut) reporters.delete(instance)
      else if (silentMs > MISSING_AFTER_MS) missing.push(told(reporter, silentMs))
      reporter.inTick = false
    }
    const made: Tick = {
      seq: seq++,
      time,
      intervalMs: now - lastTickAt,
      rows: merged.takeRows(),
      reporters: reported,
      missing,
    }
    lastTickAt = now
    return made
  }

  return {
    open,
    tick,
    get reporting() {
      let open = 0
      for (const reporter of reporters.values()) if (reporter.cut) open += 1
      return open
    },
    get keys() {
      return merged.size
    },
  }
}

function told({ hello, epoch, refused }: KnownReporter, silentMs: number): Reporter {
  const reporter: Reporter = {
    instance: hello.instance,
    service: hello.service,
    version: hello.serviceVersion,
    kind: hello.kind,
    epoch,
    silentMs: Math.max(0, Math.round(silentMs)),
  }
  return refused ? { ...reporter, refused } : reporter
}
