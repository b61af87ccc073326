// Hot path: every character of every scrape passes here. Nothing is allocated but what is returned.
import { parseValue } from './number.ts'

const tab = 9
const space = 32
const zero = 48
const nine = 57
const colon = 58

/** By character code: 1 may stand in a label name. Metric names may have the colon besides. */
const labelNamePart = new Uint8Array(128)
for (let code = 0; code < 128; code++) labelNamePart[code] = /[A-Za-z0-9_]/.test(String.fromCharCode(code)) ? 1 : 0

/** Every whole number of so many digits is exact. */
const countDigitsMax = 15

/** A line that is not what it should be, and why: it breaks the grammar, a limit, or cannot be whole. */
export interface LineFault {
  cause: 'malformed' | 'limit' | 'truncated'
  reason: string
}

export const malformed = (reason: string): LineFault => ({ cause: 'malformed', reason })
export const beyondLimit = (reason: string): LineFault => ({ cause: 'limit', reason })

/** A place in one line of a body. */
export class LineCursor {
  readonly text: string
  position = 0
  /** Where the line ends, its newline left out. */
  end = 0
  #lastToken = ''

  constructor(text: string) {
    this.text = text
  }

  get atEnd(): boolean {
    return this.position >= this.end
  }

  /** The character code here; -1 at the end of the line. */
  peek(): number {
    return this.position < this.end ? this.text.charCodeAt(this.position) : -1
  }

  skipBlanks(): void {
    while (this.position < this.end && isBlank(this.text.charCodeAt(this.position))) this.position++
  }

  /** The end of the name that begins here, colons allowed or not; the position itself when there is none. */
  nameEnd(colons: boolean): number {
    const { text, end } = this
    let position = this.position
    if (isDigit(text.charCodeAt(position))) return position
    while (position < end && isNamePart(text.charCodeAt(position), colons)) position++
    return position
  }

  /** A value as in parseValue; undefined when there is none here. */
  readNumber(): number | undefined {
    return this.#readCount() ?? parseValue(this.#readToken())
  }

  /** In text whole milliseconds, in OpenMetrics seconds: `unitMs` 1 or 1000. */
  readTimestamp(unitMs: 1 | 1000): number | undefined {
    const given = parseValue(this.#readToken())
    if (given === undefined || (unitMs === 1 && !Number.isInteger(given))) return undefined
    const timestampMs = Math.round(given * unitMs)
    // Without the sum -0 would be told as a time of its own.
    return Number.isSafeInteger(timestampMs) ? timestampMs + 0 : undefined
  }

  /** After a number could not be read. */
  notANumber(what: string): LineFault {
    const found = this.#lastToken
    return malformed(found === '' ? `the ${what} is missing` : `the ${what} ${shown(found)} is no number`)
  }

  expected(what: string): LineFault {
    return malformed(`expected ${what}, found ${this.#here()}`)
  }

  unexpected(where: string): LineFault {
    return malformed(`unexpected ${this.#here()} ${where}`)
  }

  /** Most values are counts: digits alone, few enough to be exact, need no string on the way. Undefined, nothing read, for others. */
  #readCount(): number | undefined {
    const { text, end, position: start } = this
    const last = Math.min(end, start + countDigitsMax)
    let count = 0
    let position = start
    while (position < last) {
      const code = text.charCodeAt(position)
      if (!isDigit(code)) break
      count = count * 10 + code - zero
      position++
    }
    if (position === start || (position < end && !isBlank(text.charCodeAt(position)))) return undefined
    this.position = position
    return count
  }

  #readToken(): string {
    const { text, end, position: start } = this
    let position = start
    while (position < end && !isBlank(text.charCodeAt(position))) position++
    this.position = position
    this.#lastToken = text.slice(start, position)
    return this.#lastToken
  }

  #here(): string {
    return this.atEnd ? 'the end of the line' : shown(this.text.slice(this.position, this.end))
  }
}

/** What was found, short enough for a log line. */
function shown(found: string): string {
  return JSON.stringify(found.length > 24 ? `${found.slice(0, 24)}...` : found)
}

export function isNamePart(code: number, colons: boolean): boolean {
  return code < 128 && (labelNamePart[code] === 1 || (colons && code === colon))
}

function isDigit(code: number): boolean {
  return code >= zero && code <= nine
}

function isBlank(code: number): boolean {
  return code === space || code === tab
}
