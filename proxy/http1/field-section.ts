// Hot path: the field lines of a head or trailer section, each looked at once; framing facts fall out of the same look.
import { COLON, CR, HTAB, SP, TOKEN_LOWER } from './chars.ts'
import { CONTENT_LENGTH, KNOWN_NAMES, knownNameAt, PLAIN_FROM } from './field-names.ts'
import { FramingFacts } from './framing-facts.ts'
import { type InvalidMessage, invalid, type Side } from './invalid.ts'
import type { HeadLimits } from './limits.ts'
import type { Lines } from './lines.ts'

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
  /** A field name holds an underscore: some applications read it as a dash, so outsiders can forge fields with it. */
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

  /** Takes the current line of `lines`. Sets `ended` at the empty line, or `fault`. */
  line(lines: Lines): void {
    const { text, bytes, from, to } = lines
    this.bytesTaken += to + 2 - from
    let nameEnd = from
    // The line is followed by CR, which is no token character: no look at `to` is needed.
    while (TOKEN_LOWER[bytes[nameEnd]!] !== 0) nameEnd++
    if (nameEnd === from || bytes[nameEnd] !== COLON) {
      if (from === to) this.ended = true
      else this.fault = invalid(this.#side, 400, nameFault(bytes[nameEnd]!, nameEnd === from))
      return
    }
    let valueFrom = nameEnd + 1
    let valueTo = to
    while (valueFrom < valueTo && isBlank(bytes[valueFrom]!)) valueFrom++
    while (valueTo > valueFrom && isBlank(bytes[valueTo - 1]!)) valueTo--
    const place = knownNameAt(bytes, from, nameEnd)
    const name = place < 0 ? text.slice(from, nameEnd).toLowerCase() : KNOWN_NAMES[place]!
    this.#take(place, name, text.slice(valueFrom, valueTo))
  }

  #take(place: number, name: string, value: string): void {
    const fields = this.fields
    if (fields.length >= this.#limits.fieldsMax * 2) {
      this.fault = invalid(this.#side, 431, `more than ${this.#limits.fieldsMax} fields; send fewer`)
      return
    }
    fields.push(name, value)
    if (place < 0 && name.includes('_')) this.underscoreNames = true
    if (place < 0 || place >= PLAIN_FROM || !this.#keepsFacts) return
    this.fault = this.facts.take(place, value)
    // Leading zeros would reach a peer that may read them otherwise.
    if (place === CONTENT_LENGTH && this.fault === null) fields[fields.length - 1] = String(this.facts.contentLength)
  }
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB
}

function nameFault(stop: number, isFirst: boolean): string {
  if (isBlank(stop)) {
    if (isFirst) return 'a field line begins with a blank (line folding); put the value on one line'
    return 'a blank within or behind a field name; the colon must follow the name at once'
  }
  if (stop === CR) return 'a field line without a colon'
  return stop === COLON ? 'a field line without a name' : 'a character that no field name may hold'
}
