// Hot path: the field lines of a head or trailer section, each looked at once; framing facts fall out of the same look.
import { COLON, CR, FIELD_VALUE, HTAB, LF, SP, TOKEN_LOWER } from './chars.ts'
import { CONTENT_LENGTH, hashStep, KNOWN_NAMES, knownNameAt, PLAIN_FROM } from './field-names.ts'
import { FramingFacts } from './framing-facts.ts'
import { type InvalidMessage, invalid, type Side } from './invalid.ts'
import type { HeadLimits } from './limits.ts'

/** One field section while it is being read. Reused from message to message by the parser that owns it. */
export class FieldSection {
  /** name, value, name, value ... in the order of arrival; names in lower case, values without surrounding blanks. */
  fields: string[] = []
  readonly facts: FramingFacts
  /** The empty line has been seen. */
  ended = false
  fault: InvalidMessage | null = null
  /** Bytes of the section taken so far, those of the line before it (request or status line) included. */
  bytesTaken = 0
  /** A name holds an underscore: some applications read it as a dash, so outsiders can forge fields with it. */
  underscoreNames = false
  readonly #side: Side
  readonly #limits: HeadLimits
  readonly #keepsFacts: boolean

  /** `keepsFacts` false is for trailers, whose fields say nothing about framing. */
  constructor(side: Side, limits: HeadLimits, keepsFacts: boolean) {
    this.#side = side
    this.#limits = limits
    this.#keepsFacts = keepsFacts
    this.facts = new FramingFacts(side)
  }

  reset(): void {
    this.fields = []
    this.facts.reset()
    this.ended = false
    this.fault = null
    this.bytesTaken = 0
    this.underscoreNames = false
  }

  lineBytesMax(): number {
    return this.#limits.headBytesMax - this.bytesTaken
  }

  lineTooLong(): InvalidMessage {
    return invalid(
      this.#side,
      431,
      `the fields are larger than ${this.#limits.headBytesMax} bytes; send fewer or shorter ones`,
    )
  }

  /** Takes whole field lines of `text` from `from`; returns the position behind the last. Sets `ended` or `fault`. */
  scan(text: string, from: number): number {
    const length = text.length
    let at = from
    while (at < length) {
      let nameEnd = at
      let hash = 0
      while (nameEnd < length) {
        const lower = TOKEN_LOWER[text.charCodeAt(nameEnd)]!
        if (lower === 0) break
        hash = hashStep(hash, lower)
        nameEnd++
      }
      if (nameEnd === at || nameEnd === length || text.charCodeAt(nameEnd) !== COLON) {
        return this.#endOrFault(text, at, nameEnd)
      }
      let valueFrom = nameEnd + 1
      while (valueFrom < length && isBlank(text.charCodeAt(valueFrom))) valueFrom++
      let lineEnd = valueFrom
      while (lineEnd < length && FIELD_VALUE[text.charCodeAt(lineEnd)] === 1) lineEnd++
      if (lineEnd + 1 >= length || text.charCodeAt(lineEnd) !== CR || text.charCodeAt(lineEnd + 1) !== LF) {
        return this.#stopped(text, at, valueFault(text, lineEnd))
      }
      const next = lineEnd + 2
      if (next - at > this.lineBytesMax()) return this.#stop(at, this.lineTooLong())
      let valueTo = lineEnd
      while (valueTo > valueFrom && isBlank(text.charCodeAt(valueTo - 1))) valueTo--
      this.bytesTaken += next - at
      this.#take(text, at, nameEnd, hash, text.slice(valueFrom, valueTo))
      if (this.fault !== null) return at
      at = next
    }
    return at
  }

  #take(text: string, from: number, to: number, hash: number, value: string): void {
    const fields = this.fields
    if (fields.length >= this.#limits.fieldsMax * 2) {
      this.fault = invalid(this.#side, 431, `more than ${this.#limits.fieldsMax} fields; send fewer`)
      return
    }
    const place = knownNameAt(text, from, to, hash)
    if (place < 0) {
      const name = text.slice(from, to).toLowerCase()
      if (name.includes('_')) this.underscoreNames = true
      fields.push(name, value)
      return
    }
    fields.push(KNOWN_NAMES[place]!, value)
    if (place >= PLAIN_FROM || !this.#keepsFacts) return
    this.fault = this.facts.take(place, value)
    // Leading zeros would reach a peer that may read them otherwise.
    if (place === CONTENT_LENGTH && this.fault === null) fields[fields.length - 1] = String(this.facts.contentLength)
  }

  #endOrFault(text: string, at: number, nameEnd: number): number {
    const isEmptyLine = nameEnd === at && text.charCodeAt(at) === CR && text.charCodeAt(at + 1) === LF
    if (!isEmptyLine) return this.#stopped(text, at, nameFault(text, at, nameEnd))
    if (this.lineBytesMax() < 2) return this.#stop(at, this.lineTooLong())
    this.bytesTaken += 2
    this.ended = true
    return at + 2
  }

  /**
   * The line at `at` does not read on. A line is judged only when it is whole: were a bad byte reported at once, the same
   * bytes would be invalid in one piece and unfinished in two.
   */
  #stopped(text: string, at: number, reason: string): number {
    const lineFeed = text.indexOf('\n', at)
    if (lineFeed < 0) return at
    if (lineFeed + 1 - at > this.lineBytesMax()) return this.#stop(at, this.lineTooLong())
    return this.#stop(at, invalid(this.#side, 400, reason))
  }

  #stop(at: number, fault: InvalidMessage): number {
    this.fault = fault
    return at
  }
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB
}

function nameFault(text: string, at: number, nameEnd: number): string {
  const code = text.charCodeAt(nameEnd)
  if (isBlank(code)) {
    if (nameEnd === at) return 'a field line begins with a blank (line folding); put the value on one line'
    return 'a blank within or behind a field name; the colon must follow the name at once'
  }
  const bare = bareLineEnd(text, nameEnd)
  if (bare !== '') return bare
  if (code === CR) return 'a field line without a colon'
  if (code === COLON) return 'a field line without a name'
  return 'a character that no field name may hold'
}

function valueFault(text: string, at: number): string {
  const bare = bareLineEnd(text, at)
  return bare === '' ? 'a control character in a field value' : bare
}

/** Says whether the byte at `at` is half a line end: the classic disagreement that request smuggling lives on. */
export function bareLineEnd(text: string, at: number): string {
  const code = text.charCodeAt(at)
  if (code === LF) return 'a line ends with LF alone; lines end with CR LF'
  if (code === CR && text.charCodeAt(at + 1) !== LF) return 'a CR without LF behind it'
  return ''
}
