// Hot path: most characters of every scrape are labels.
import type { Labels } from './family.ts'
import type { ExpositionLimits } from './limits.ts'
import { beyondLimit, type LineCursor, type LineFault, malformed } from './line-cursor.ts'

const quote = 34
const comma = 44
const equals = 61
const backslash = 92
const closeBrace = 125

/** Reads label blocks, `{a="b",c="d"}`. */
export class LabelReader {
  readonly #cursor: LineCursor
  readonly #limits: ExpositionLimits
  /** Of the block being read. */
  readonly #labels: string[] = []

  constructor(cursor: LineCursor, limits: ExpositionLimits) {
    this.#cursor = cursor
    this.#limits = limits
  }

  /**
   * Reads from the opening brace to past the closing one. `before`: the labels of the sample before; most stand here again in the same
   * places, and their strings are kept instead of new ones, which halves what a large body holds in memory.
   */
  read(before: Labels): string[] | LineFault {
    const cursor = this.#cursor
    const labels = this.#labels
    labels.length = 0
    cursor.position++
    for (;;) {
      cursor.skipBlanks()
      if (cursor.peek() === closeBrace) break
      const wrong = this.#readLabel(before)
      if (wrong) return wrong
      cursor.skipBlanks()
      const next = cursor.peek()
      if (next === comma) cursor.position++
      else if (next !== closeBrace) return cursor.expected('"," or "}" after a label')
    }
    cursor.position++
    // A copy takes the room it needs; a list that grew by itself keeps room for more.
    return labels.slice()
  }

  #readLabel(before: Labels): LineFault | undefined {
    const cursor = this.#cursor
    const labels = this.#labels
    const nameEnd = cursor.nameEnd(false)
    if (nameEnd === cursor.position) return cursor.expected('a label name')
    const name = this.#textAgain(before[labels.length], cursor.position, nameEnd)
    cursor.position = nameEnd
    cursor.skipBlanks()
    if (cursor.peek() !== equals) return cursor.expected(`"=" after the label name ${name.slice(0, 64)}`)
    cursor.position++
    cursor.skipBlanks()
    if (cursor.peek() !== quote) return cursor.expected(`a quoted value for the label ${name.slice(0, 64)}`)
    const value = this.#readQuoted(before[labels.length + 1])
    if (value === undefined) return malformed(`the value of the label ${name.slice(0, 64)} has no closing quote`)
    const wrong = this.#faultOf(name, value)
    if (!wrong) labels.push(name, value)
    return wrong
  }

  #faultOf(name: string, value: string): LineFault | undefined {
    const labels = this.#labels
    const limits = this.#limits
    if (name.length > limits.nameLength) return beyondLimit(`a label name is longer than ${limits.nameLength}`)
    if (value.length > limits.labelValueLength) {
      return beyondLimit(`the value of the label ${name.slice(0, 64)} is longer than ${limits.labelValueLength}`)
    }
    if (labels.length >= 2 * limits.labels) return beyondLimit(`a sample has more than ${limits.labels} labels`)
    if (name === '__name__') return malformed('the label name __name__ is reserved')
    for (let index = 0; index < labels.length; index += 2) {
      if (labels[index] === name) return malformed(`the label ${name.slice(0, 64)} stands twice`)
    }
    return undefined
  }

  /** From the opening quote to past the closing one. Undefined when the line ends before. */
  #readQuoted(before: string | undefined): string | undefined {
    const { text, end, position: open } = this.#cursor
    const start = open + 1
    let escaped = false
    for (let position = start; position < end; position++) {
      const code = text.charCodeAt(position)
      if (code === quote) {
        this.#cursor.position = position + 1
        if (!escaped) return this.#textAgain(before, start, position)
        const raw = text.slice(start, position)
        // Beyond the limit it is refused as it stands: undoing escapes is the dearest thing that a label can ask for.
        return raw.length > this.#limits.labelValueLength ? raw : unescapeValue(raw)
      }
      if (code === backslash) {
        escaped = true
        position++
      }
    }
    return undefined
  }

  /** The text between two positions; the very string of before when that says the same. */
  #textAgain(before: string | undefined, start: number, end: number): string {
    const { text } = this.#cursor
    const same = before !== undefined && before.length === end - start && text.startsWith(before, start)
    return same ? before : text.slice(start, end)
  }
}

/** Undoes `\\`, `\"` and `\n`. Another escape stays as it stands, as in Prometheus. */
function unescapeValue(raw: string): string {
  return raw.replace(/\\([\\"n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
}
