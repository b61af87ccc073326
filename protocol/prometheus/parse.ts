import type { Family } from './family.ts'
import type { ExpositionFormat } from './format.ts'
import { defaultExpositionLimits, type ExpositionLimits } from './limits.ts'
import type { LineFault } from './line-cursor.ts'
import { isCutMetadata, readMetadata } from './metadata-line.ts'
import { Regrouping } from './regroup.ts'
import { SampleReader } from './sample-reader.ts'

export interface ParseOptions {
  format: ExpositionFormat
  limits?: ExpositionLimits
  /**
   * False when nothing but the closing of the connection said where the body ends (no Content-Length, not chunked): a last line
   * without newline may then be half a number, and counts as cut. True by default.
   */
  framed?: boolean
}

export type ParseResult =
  | { status: 'ok'; families: Family[]; sampleCount: number; exemplarsDropped: number }
  /** `line` counts from 1. `limit`: the body broke a limit. `truncated`: its end is missing. `malformed`: no exposition at all. */
  | { status: 'invalid'; cause: LineFault['cause']; line: number; reason: string }

/** Lines read between two pauses: some 0.2 ms of work, and no clock read for each line. */
const linesPerStep = 128

/** Reads text 0.0.4 or OpenMetrics 1.0 in time linear in the length of the body. Never throws, whatever the body is. */
export function parse(body: string, options: ParseOptions): ParseResult {
  const steps = parseSteps(body, options)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** The same in small steps, for a caller who has other things to do in between: each `next()` is well under a millisecond of work. */
export function* parseSteps(body: string, options: ParseOptions): Generator<undefined, ParseResult> {
  const reading = new Reading(body, options)
  while (!reading.ended) {
    for (let line = 0; line < linesPerStep && !reading.ended; line++) reading.readLine()
    yield
  }
  return yield* reading.result()
}

class Reading {
  ended = false

  readonly #body: string
  readonly #format: ExpositionFormat
  readonly #framed: boolean
  readonly #limits: ExpositionLimits
  readonly #families: Regrouping
  readonly #samples: SampleReader
  #position = 0
  #line = 0
  #sampleCount = 0
  #sawEnd = false
  #wrong: (ParseResult & { status: 'invalid' }) | undefined

  constructor(body: string, { format, limits = defaultExpositionLimits, framed = true }: ParseOptions) {
    this.#body = body
    this.#format = format
    this.#framed = framed
    this.#limits = limits
    this.#families = new Regrouping(format)
    this.#samples = new SampleReader(body, format, limits)
    this.#position = body.startsWith('\uFEFF') ? 1 : 0
  }

  readLine(): void {
    const body = this.#body
    if (this.#position >= body.length) {
      this.#end()
      return
    }
    const newline = body.indexOf('\n', this.#position)
    const whole = newline !== -1
    const end = whole ? newline : body.length
    const lineStart = this.#position
    this.#position = end + 1
    this.#line++
    if (end - lineStart > this.#limits.lineLength) {
      this.#stop('limit', `a line is longer than ${this.#limits.lineLength}`)
      return
    }
    const start = skipBlanks(body, lineStart, end)
    // Windows line ends are no part of the format, but of some applications.
    const trimmedEnd = end > start && body.charCodeAt(end - 1) === carriageReturn ? end - 1 : end
    if (start >= trimmedEnd) return
    const wrong = this.#read(start, trimmedEnd, whole)
    if (!wrong) return
    // A first line that is none says that the body was never an exposition (JSON, a plain "ok"), not that one was cut.
    const cut = wrong.cause === 'malformed' && !whole && this.#line > 1
    this.#stop(cut ? 'truncated' : wrong.cause, wrong.reason)
  }

  *result(): Generator<undefined, ParseResult> {
    if (this.#wrong) return this.#wrong
    return {
      status: 'ok',
      families: yield* this.#families.families(),
      sampleCount: this.#sampleCount,
      exemplarsDropped: this.#samples.exemplarsDropped,
    }
  }

  #read(start: number, end: number, whole: boolean): LineFault | undefined {
    if (this.#body.charCodeAt(start) === hash) return this.#readComment(this.#body.slice(start, end), whole)
    this.#sawEnd = false
    const wrong = this.#samples.read(start, end)
    if (wrong) return wrong
    if (!whole && !this.#framed) {
      return { cause: 'truncated', reason: 'the last line has no newline, and nothing else says that it is whole' }
    }
    if (++this.#sampleCount > this.#limits.samples) return tooMany('samples', this.#limits.samples)
    this.#families.add(this.#samples.name, this.#samples)
    return this.#familyFault()
  }

  #readComment(line: string, whole: boolean): LineFault | undefined {
    this.#sawEnd = false
    if (!whole && isCutMetadata(line)) {
      return { cause: 'truncated', reason: `the body ends within ${JSON.stringify(line.slice(0, 32))}` }
    }
    const metadata = readMetadata(line, this.#format, this.#limits)
    switch (metadata.kind) {
      case 'help':
        this.#families.help(metadata.name, metadata.help)
        break
      case 'type':
        this.#families.type(metadata.name, metadata.type)
        break
      case 'unit':
        this.#families.unit(metadata.name, metadata.unit)
        break
      case 'end':
        this.#sawEnd = true
        break
      case 'comment':
        break
      case 'fault':
        return metadata.fault
    }
    return this.#familyFault()
  }

  #familyFault(): LineFault | undefined {
    return this.#families.familyCount > this.#limits.families ? tooMany('families', this.#limits.families) : undefined
  }

  #end(): void {
    // A marker in the middle is what bodies pasted together have; one at the end proves that the last of them is whole.
    if (this.#format === 'openmetrics' && !this.#sawEnd)
      this.#stop('truncated', 'OpenMetrics without "# EOF" at its end')
    this.ended = true
  }

  #stop(cause: LineFault['cause'], reason: string): void {
    this.#wrong = { status: 'invalid', cause, line: Math.max(1, this.#line), reason }
    this.ended = true
  }
}

const hash = 35
const tab = 9
const space = 32
const carriageReturn = 13

function skipBlanks(text: string, from: number, end: number): number {
  let position = from
  while (position < end) {
    const code = text.charCodeAt(position)
    if (code !== space && code !== tab) break
    position++
  }
  return position
}

function tooMany(what: string, limit: number): LineFault {
  return { cause: 'limit', reason: `more than ${limit} ${what}` }
}
