// Hot path: every character of every scrape passes here once. One pass, no look-back, nothing allocated but what the sample keeps.
import type { Exemplar, Labels } from './family.ts'
import type { ExpositionFormat } from './format.ts'
import type { ExpositionLimits } from './limits.ts'
import { parseValue } from './number.ts'

const tab = 9
const space = 32
const quote = 34
const hash = 35
const comma = 44
const colon = 58
const equals = 61
const backslash = 92
const openBrace = 123
const closeBrace = 125

/** By character code: 1 may stand in a label name. Metric names may have the colon besides. */
const labelNamePart = new Uint8Array(128)
for (let code = 0; code < 128; code++) labelNamePart[code] = /[A-Za-z0-9_]/.test(String.fromCharCode(code)) ? 1 : 0

const noLabels: Labels = []
/** OpenMetrics 1.0: the names and values of an exemplar's labels together. */
const exemplarLengthMax = 128

/** A line that is not what it should be, and why: it breaks the grammar, a limit, or cannot be whole. */
export interface LineFault {
  cause: 'malformed' | 'limit' | 'truncated'
  reason: string
}

const fault = (reason: string): LineFault => ({ cause: 'malformed', reason })
const tooLarge = (reason: string): LineFault => ({ cause: 'limit', reason })

/**
 * Reads sample lines of one body. After `read` returned nothing wrong, the fields hold the line's sample. Lenient where Prometheus is:
 * runs of blanks, a comma after the last label, exemplars in either format. Strict where a leniency would have to guess.
 */
export class SampleReader {
  name = ''
  labels: Labels = noLabels
  value = 0
  timestampMs: number | undefined = undefined
  exemplar: Exemplar | undefined = undefined
  /** Exemplars left out because their labels are longer than OpenMetrics allows. */
  exemplarsDropped = 0

  readonly #text: string
  readonly #format: ExpositionFormat
  readonly #limits: ExpositionLimits
  #position = 0
  #end = 0

  constructor(text: string, format: ExpositionFormat, limits: ExpositionLimits) {
    this.#text = text
    this.#format = format
    this.#limits = limits
  }

  /** Reads the line between two positions, its newline left out. */
  read(start: number, end: number): LineFault | undefined {
    this.#position = start
    this.#end = end
    const nameFault = this.#readName()
    if (nameFault) return nameFault
    this.#skipBlanks()
    this.labels = noLabels
    if (this.#peek() === openBrace) {
      const labels = this.#readLabels()
      if (!Array.isArray(labels)) return labels
      this.labels = labels
      this.#skipBlanks()
    }
    const value = this.#readNumber()
    if (value === undefined) return this.#notANumber('value')
    this.value = value
    return this.#readTail()
  }

  #readTail(): LineFault | undefined {
    this.timestampMs = undefined
    this.exemplar = undefined
    this.#skipBlanks()
    if (this.#position >= this.#end) return undefined
    if (this.#peek() !== hash) {
      const timestampMs = this.#readTimestamp(this.#format === 'text' ? 1 : 1000)
      if (timestampMs === undefined) return this.#notANumber('timestamp')
      this.timestampMs = timestampMs
      this.#skipBlanks()
    }
    if (this.#peek() === hash) return this.#readExemplar()
    return this.#position < this.#end ? fault(`unexpected ${this.#here()} after the sample`) : undefined
  }

  #readExemplar(): LineFault | undefined {
    this.#position++
    this.#skipBlanks()
    if (this.#peek() !== openBrace) return fault(`expected the labels of an exemplar after "#", found ${this.#here()}`)
    const labels = this.#readLabels()
    if (!Array.isArray(labels)) return labels
    this.#skipBlanks()
    const value = this.#readNumber()
    if (value === undefined) return this.#notANumber('exemplar value')
    this.#skipBlanks()
    const timestampMs = this.#position < this.#end ? this.#readTimestamp(1000) : undefined
    this.#skipBlanks()
    if (this.#position < this.#end) return fault(`unexpected ${this.#here()} after the exemplar`)
    let length = 0
    for (const part of labels) length += part.length
    if (length > exemplarLengthMax) this.exemplarsDropped++
    else this.exemplar = { labels, value, timestampMs }
    return undefined
  }

  #readName(): LineFault | undefined {
    const text = this.#text
    const start = this.#position
    const end = this.#end
    // Samples of a family stand together: mostly the name is the last one again, and no new string is needed.
    const last = this.name
    const lastEnd = start + last.length
    if (last !== '' && lastEnd < end && text.startsWith(last, start) && !isNamePart(text.charCodeAt(lastEnd))) {
      this.#position = lastEnd
      return undefined
    }
    let position = start
    while (position < end && isNamePart(text.charCodeAt(position))) position++
    if (position === start || isDigit(text.charCodeAt(start))) {
      return fault(`expected a metric name, found ${this.#here()}`)
    }
    if (position - start > this.#limits.nameLength) {
      return tooLarge(`a metric name is longer than ${this.#limits.nameLength}`)
    }
    this.name = text.slice(start, position)
    this.#position = position
    return undefined
  }

  #readLabels(): string[] | LineFault {
    this.#position++
    const labels: string[] = []
    for (;;) {
      this.#skipBlanks()
      if (this.#peek() === closeBrace) break
      const wrong = this.#readLabel(labels)
      if (wrong) return wrong
      this.#skipBlanks()
      const next = this.#peek()
      if (next === comma) this.#position++
      else if (next !== closeBrace) return fault(`expected "," or "}" after a label, found ${this.#here()}`)
    }
    this.#position++
    return labels
  }

  #readLabel(labels: string[]): LineFault | undefined {
    const text = this.#text
    const start = this.#position
    let position = start
    while (position < this.#end && isLabelNamePart(text.charCodeAt(position))) position++
    if (position === start || isDigit(text.charCodeAt(start)))
      return fault(`expected a label name, found ${this.#here()}`)
    if (position - start > this.#limits.nameLength)
      return tooLarge(`a label name is longer than ${this.#limits.nameLength}`)
    const name = text.slice(start, position)
    this.#position = position
    this.#skipBlanks()
    if (this.#peek() !== equals) return fault(`expected "=" after the label name ${name}, found ${this.#here()}`)
    this.#position++
    this.#skipBlanks()
    if (this.#peek() !== quote) return fault(`expected a quoted value for the label ${name}, found ${this.#here()}`)
    const value = this.#readQuoted()
    if (value === undefined) return fault(`the value of the label ${name} has no closing quote`)
    if (value.length > this.#limits.labelValueLength) {
      return tooLarge(`the value of the label ${name} is longer than ${this.#limits.labelValueLength}`)
    }
    if (name === '__name__') return fault('the label name __name__ is reserved')
    for (let index = 0; index < labels.length; index += 2) {
      if (labels[index] === name) return fault(`the label ${name} stands twice`)
    }
    if (labels.length >= 2 * this.#limits.labels) {
      return tooLarge(`a sample has more than ${this.#limits.labels} labels`)
    }
    labels.push(name, value)
    return undefined
  }

  /** From the opening quote to past the closing one. Undefined when the line ends before. */
  #readQuoted(): string | undefined {
    const text = this.#text
    const end = this.#end
    const start = this.#position + 1
    let escaped = false
    for (let position = start; position < end; position++) {
      const code = text.charCodeAt(position)
      if (code === quote) {
        this.#position = position + 1
        const raw = text.slice(start, position)
        return escaped ? unescapeLabelValue(raw) : raw
      }
      if (code === backslash) {
        escaped = true
        position++
      }
    }
    return undefined
  }

  #readNumber(): number | undefined {
    return parseValue(this.#token())
  }

  /** In text whole milliseconds, in OpenMetrics seconds: `unitMs` 1 or 1000. */
  #readTimestamp(unitMs: number): number | undefined {
    const given = parseValue(this.#token())
    if (given === undefined || (unitMs === 1 && !Number.isInteger(given))) return undefined
    const timestampMs = Math.round(given * unitMs)
    // Without the sum -0 would be told as a time of its own.
    return Number.isSafeInteger(timestampMs) ? timestampMs + 0 : undefined
  }

  #lastToken = ''

  #token(): string {
    const text = this.#text
    const start = this.#position
    let position = start
    while (position < this.#end) {
      const code = text.charCodeAt(position)
      if (code === space || code === tab) break
      position++
    }
    this.#position = position
    this.#lastToken = text.slice(start, position)
    return this.#lastToken
  }

  #skipBlanks(): void {
    while (this.#position < this.#end) {
      const code = this.#text.charCodeAt(this.#position)
      if (code !== space && code !== tab) return
      this.#position++
    }
  }

  #peek(): number {
    return this.#position < this.#end ? this.#text.charCodeAt(this.#position) : -1
  }

  #notANumber(what: string): LineFault {
    return fault(
      this.#lastToken === '' ? `the ${what} is missing` : `the ${what} ${shown(this.#lastToken)} is no number`,
    )
  }

  #here(): string {
    return this.#position < this.#end ? shown(this.#text.slice(this.#position, this.#end)) : 'the end of the line'
  }
}

/** What was found, short enough for a log line. */
function shown(found: string): string {
  return JSON.stringify(found.length > 24 ? `${found.slice(0, 24)}...` : found)
}

function isNamePart(code: number): boolean {
  return code < 128 && (labelNamePart[code] === 1 || code === colon)
}

function isLabelNamePart(code: number): boolean {
  return code < 128 && labelNamePart[code] === 1
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** Undoes `\\`, `\"` and `\n`. Another escape stays as it stands, as in Prometheus. */
function unescapeLabelValue(raw: string): string {
  return raw.replace(/\\([\\"n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
}
