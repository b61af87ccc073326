// Hot path: what the fields of a head say about framing and the connection, gathered while they are scanned.
import { TOKEN_LOWER } from './chars.ts'
import { CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRANSFER_ENCODING, UPGRADE } from './field-names.ts'
import { type InvalidMessage, invalid, type Side } from './invalid.ts'
import { CONNECTION_OPTIONS_MAX, CONTENT_LENGTH_DIGITS_MAX } from './limits.ts'

const NO_NAMES: readonly string[] = []

export class FramingFacts {
  /** Bytes announced by Content-Length, -1 when there is none. */
  contentLength = -1
  /** Transfer-Encoding is exactly `chunked`. */
  chunked = false
  /** Connection: close. */
  close = false
  /** Connection: keep-alive. */
  keepAlive = false
  /** Connection: upgrade. */
  connectionUpgrade = false
  /** The value of Upgrade, '' when there is none. Means something only together with connectionUpgrade. */
  upgrade = ''
  /** Expect: 100-continue. */
  expectContinue = false
  /** TE lists `trailers`. */
  acceptsTrailers = false
  /** The value of Host, null when there is none. */
  host: string | null = null
  /** Other names that Connection lists, in lower case: fields meant for us alone. */
  connectionNames: readonly string[] = NO_NAMES
  /** A field is there that must not be passed on. False spares the walk over the fields. */
  hopByHop = false
  readonly #side: Side
  #connectionOptions = 0

  constructor(side: Side) {
    this.#side = side
  }

  reset(): void {
    this.contentLength = -1
    this.chunked = false
    this.close = false
    this.keepAlive = false
    this.connectionUpgrade = false
    this.upgrade = ''
    this.expectContinue = false
    this.acceptsTrailers = false
    this.host = null
    this.connectionNames = NO_NAMES
    this.hopByHop = false
    this.#connectionOptions = 0
  }

  /** Takes one field whose place in KNOWN_NAMES is below PLAIN_FROM. Returns its fault, or null. */
  take(place: number, value: string): InvalidMessage | null {
    switch (place) {
      case CONTENT_LENGTH:
        return this.#contentLength(value)
      case HOST:
        return this.#host(value)
      case EXPECT:
        if (equalsIgnoringCase(value, '100-continue')) this.expectContinue = true
        return null
      case CONNECTION:
        this.hopByHop = true
        return this.#connection(value)
      case TRANSFER_ENCODING:
        this.hopByHop = true
        return this.#transferEncoding(value)
      case UPGRADE:
        this.upgrade = this.upgrade === '' ? value : `${this.upgrade}, ${value}`
        break
      case TE:
        this.#te(value)
        break
    }
    // These, and the rest that means nothing to us (Keep-Alive, Proxy-Connection ...), must not travel on.
    this.hopByHop = true
    return null
  }

  /**
   * One Content-Length of plain digits. Repeating it is refused even when the values agree, as nginx and llhttp do: whoever
   * sends two may be two.
   */
  #contentLength(value: string): InvalidMessage | null {
    if (this.contentLength >= 0) return this.#fault('Content-Length is given more than once')
    const digits = value.length
    if (digits === 0 || digits > CONTENT_LENGTH_DIGITS_MAX) return this.#fault('Content-Length is empty or too large')
    let length = 0
    for (let i = 0; i < digits; i++) {
      const digit = value.charCodeAt(i) - 0x30
      if (digit < 0 || digit > 9) return this.#fault('Content-Length is not a plain decimal number')
      length = length * 10 + digit
    }
    if (length > Number.MAX_SAFE_INTEGER) return this.#fault('Content-Length is too large')
    this.contentLength = length
    return null
  }

  /** Any other coding would have to be undone or announced to the next hop; a list is where parsers disagree. */
  #transferEncoding(value: string): InvalidMessage | null {
    if (this.chunked) return this.#fault('Transfer-Encoding is given more than once')
    if (!equalsIgnoringCase(value, 'chunked')) return this.#fault('Transfer-Encoding is other than exactly `chunked`')
    this.chunked = true
    return null
  }

  #host(value: string): InvalidMessage | null {
    if (this.#side === 'response') return null
    if (this.host !== null) return this.#fault('Host is given more than once')
    this.host = value
    return null
  }

  #connection(value: string): InvalidMessage | null {
    let from = 0
    while (from <= value.length) {
      const comma = value.indexOf(',', from)
      const to = comma < 0 ? value.length : comma
      const option = value.slice(from, to).trim().toLowerCase()
      from = to + 1
      if (option === '') continue
      if (!isToken(option)) return this.#fault('Connection lists something that is no field name')
      if (++this.#connectionOptions > CONNECTION_OPTIONS_MAX) {
        return this.#fault(`Connection lists more than ${CONNECTION_OPTIONS_MAX} names`)
      }
      this.#option(option)
    }
    return null
  }

  #option(option: string): void {
    if (option === 'keep-alive') this.keepAlive = true
    else if (option === 'close') this.close = true
    else if (option === 'upgrade') this.connectionUpgrade = true
    // Every `te` but `trailers` falls away in any case.
    else if (option !== 'te') this.connectionNames = [...this.connectionNames, option]
  }

  #te(value: string): void {
    if (value === 'trailers') {
      this.acceptsTrailers = true
      return
    }
    for (const coding of value.split(',', CONNECTION_OPTIONS_MAX)) {
      if (coding.trim().toLowerCase() === 'trailers') this.acceptsTrailers = true
    }
  }

  #fault(reason: string): InvalidMessage {
    return invalid(this.#side, 400, reason)
  }
}

/** `lower` is in lower case; for ASCII words. */
function equalsIgnoringCase(value: string, lower: string): boolean {
  return value === lower || (value.length === lower.length && value.toLowerCase() === lower)
}

function isToken(word: string): boolean {
  for (let i = 0; i < word.length; i++) if (TOKEN_LOWER[word.charCodeAt(i)] === 0) return false
  return true
}
