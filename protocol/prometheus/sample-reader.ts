// Hot path: once per sample of every scrape. One pass, no look-back, nothing allocated but what the sample keeps.
import type { Exemplar, Labels } from './family.ts'
import type { ExpositionFormat } from './format.ts'
import { LabelReader } from './label-reader.ts'
import type { ExpositionLimits } from './limits.ts'
import { beyondLimit, isNamePart, LineCursor, type LineFault } from './line-cursor.ts'

const hash = 35
const openBrace = 123

const noLabels: Labels = []
/** OpenMetrics 1.0: the names and values of an exemplar's labels together. */
const exemplarLengthMax = 128

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

  readonly #cursor: LineCursor
  readonly #labelReader: LabelReader
  readonly #timeUnitMs: 1 | 1000
  readonly #nameLengthMax: number

  constructor(text: string, format: ExpositionFormat, limits: ExpositionLimits) {
    this.#cursor = new LineCursor(text)
    this.#labelReader = new LabelReader(this.#cursor, limits)
    this.#timeUnitMs = format === 'text' ? 1 : 1000
    this.#nameLengthMax = limits.nameLength
  }

  /** Reads the line between two positions, its newline left out. */
  read(start: number, end: number): LineFault | undefined {
    const cursor = this.#cursor
    cursor.position = start
    cursor.end = end
    const wrong = this.#readName()
    if (wrong) return wrong
    cursor.skipBlanks()
    const before = this.labels
    this.labels = noLabels
    if (cursor.peek() === openBrace) {
      const labels = this.#labelReader.read(before)
      if (!Array.isArray(labels)) return labels
      this.labels = labels
      cursor.skipBlanks()
    }
    const value = cursor.readNumber()
    if (value === undefined) return cursor.notANumber('value')
    this.value = value
    return this.#readTail()
  }

  #readTail(): LineFault | undefined {
    const cursor = this.#cursor
    this.timestampMs = undefined
    this.exemplar = undefined
    cursor.skipBlanks()
    if (cursor.atEnd) return undefined
    if (cursor.peek() !== hash) {
      this.timestampMs = cursor.readTimestamp(this.#timeUnitMs)
      if (this.timestampMs === undefined) return cursor.notANumber('timestamp')
      cursor.skipBlanks()
    }
    if (cursor.peek() === hash) return this.#readExemplar()
    return cursor.atEnd ? undefined : cursor.unexpected('after the sample')
  }

  #readExemplar(): LineFault | undefined {
    const cursor = this.#cursor
    cursor.position++
    cursor.skipBlanks()
    if (cursor.peek() !== openBrace) return cursor.expected('the labels of an exemplar after "#"')
    const labels = this.#labelReader.read(noLabels)
    if (!Array.isArray(labels)) return labels
    cursor.skipBlanks()
    const value = cursor.readNumber()
    if (value === undefined) return cursor.notANumber('exemplar value')
    cursor.skipBlanks()
    const timed = !cursor.atEnd
    const timestampMs = timed ? cursor.readTimestamp(1000) : undefined
    if (timed && timestampMs === undefined) return cursor.notANumber('exemplar timestamp')
    cursor.skipBlanks()
    if (!cursor.atEnd) return cursor.unexpected('after the exemplar')
    let length = 0
    for (const part of labels) length += part.length
    if (length > exemplarLengthMax) this.exemplarsDropped++
    else this.exemplar = { labels, value, timestampMs }
    return undefined
  }

  #readName(): LineFault | undefined {
    const cursor = this.#cursor
    const { text, end, position: start } = cursor
    // Samples of a family stand together: mostly the name is the last one again, and no new string is needed.
    const last = this.name
    const lastEnd = start + last.length
    if (last !== '' && lastEnd < end && text.startsWith(last, start) && !isNamePart(text.charCodeAt(lastEnd), true)) {
      cursor.position = lastEnd
      return undefined
    }
    const nameEnd = cursor.nameEnd(true)
    if (nameEnd === start) return cursor.expected('a metric name')
    if (nameEnd - start > this.#nameLengthMax) return beyondLimit(`a metric name is longer than ${this.#nameLengthMax}`)
    this.name = text.slice(start, nameEnd)
    cursor.position = nameEnd
    return undefined
  }
}
