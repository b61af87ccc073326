// Hot path: one response head an exchange.
import { SP } from './chars.ts'
import { FieldSection } from './field-section.ts'
import { HeadReader, type LineParser } from './head-reader.ts'
import { type InvalidMessage, invalid } from './invalid.ts'
import { DEFAULT_HEAD_LIMITS, type HeadLimits } from './limits.ts'
import type { Lines } from './lines.ts'

/** A response head that keeps every rule of RFC 9112 and of the limits. */
export interface ResponseHead {
  readonly status: 'complete'
  /** 100 to 999. 1xx but 101 is interim: another head follows on the same connection. */
  readonly statusCode: number
  /** The reason phrase as sent; may be empty. */
  readonly reason: string
  readonly minorVersion: 0 | 1
  /** name, value, name, value ... ; names in lower case. Hop-by-hop fields are still there (see hop-by-hop.ts). Yours to change. */
  readonly fields: string[]
  /** Content-Length, -1 when there is none. Says nothing about the body of answers that have none (see framing.ts). */
  readonly contentLength: number
  readonly chunked: boolean
  /** The upstream keeps the connection open, provided that the body's end is known without closing. */
  readonly keepAlive: boolean
  /** The protocol named by Upgrade and Connection: upgrade together, else ''. */
  readonly upgrade: string
  /** Names of fields that Connection declares hop-by-hop, in lower case. */
  readonly connectionNames: readonly string[]
  /** False spares removing hop-by-hop fields: there are none. */
  readonly hopByHop: boolean
}

/**
 * A reader of response heads for one connection. Invalid ones carry 502. Bytes of an upstream that come while no request
 * is open must not be fed here: they answer nothing, and the connection is to be closed.
 */
export function responseHeadReader(limits: HeadLimits = DEFAULT_HEAD_LIMITS): HeadReader<ResponseHead> {
  return new HeadReader(new ResponseHeadParser(limits))
}

class ResponseHeadParser implements LineParser<ResponseHead> {
  readonly side = 'response'
  readonly #limits: HeadLimits
  readonly #section: FieldSection
  #statusCode = 0
  #reason = ''
  #minorVersion: 0 | 1 = 1

  constructor(limits: HeadLimits) {
    this.#limits = limits
    this.#section = new FieldSection('response', limits, true)
  }

  get started(): boolean {
    return this.#statusCode !== 0
  }

  reset(): void {
    this.#section.reset()
    this.#statusCode = 0
  }

  lineBytesMax(): number {
    return this.#statusCode === 0 ? this.#limits.headBytesMax : this.#section.lineBytesMax()
  }

  lineTooLong(): InvalidMessage {
    return this.#section.lineTooLong()
  }

  line(lines: Lines): ResponseHead | InvalidMessage | null {
    if (this.#statusCode === 0) return this.#statusLine(lines)
    const section = this.#section
    section.line(lines)
    if (section.fault !== null) return section.fault
    return section.ended ? this.#complete() : null
  }

  /** `HTTP/1.x code reason`. The space before an empty reason may be missing, as it often is. */
  #statusLine({ text, bytes, from, to }: Lines): InvalidMessage | null {
    const minorVersion = text.startsWith('HTTP/1.1 ', from) ? 1 : text.startsWith('HTTP/1.0 ', from) ? 0 : -1
    const statusCode = statusCodeAt(bytes, from + 9)
    const codeEnd = from + 12
    if (minorVersion < 0 || statusCode < 100 || (to !== codeEnd && bytes[codeEnd] !== SP)) {
      return this.#fault('the status line is not HTTP/1.0 or HTTP/1.1 with a three-digit code')
    }
    this.#statusCode = statusCode
    this.#reason = text.slice(codeEnd + 1, to)
    this.#minorVersion = minorVersion === 0 ? 0 : 1
    this.#section.bytesTaken = to + 2 - from
    return null
  }

  #complete(): ResponseHead | InvalidMessage {
    const facts = this.#section.facts
    if (facts.chunked && facts.contentLength >= 0) {
      return this.#fault('both Content-Length and Transfer-Encoding are given')
    }
    if (facts.chunked && this.#minorVersion === 0) return this.#fault('Transfer-Encoding in an HTTP/1.0 message')
    return {
      status: 'complete',
      statusCode: this.#statusCode,
      reason: this.#reason,
      minorVersion: this.#minorVersion,
      fields: this.#section.fields,
      contentLength: facts.contentLength,
      chunked: facts.chunked,
      keepAlive: !facts.close && (this.#minorVersion === 1 || facts.keepAlive),
      upgrade: facts.connectionUpgrade ? facts.upgrade : '',
      connectionNames: facts.connectionNames,
      hopByHop: facts.hopByHop,
    }
  }

  #fault(reason: string): InvalidMessage {
    return invalid('response', 400, reason)
  }
}

/** The three digits at `at` as a number, or -1. */
function statusCodeAt(bytes: Uint8Array, at: number): number {
  let code = 0
  for (let i = at; i < at + 3; i++) {
    const digit = bytes[i]! - 0x30
    if (digit < 0 || digit > 9) return -1
    code = code * 10 + digit
  }
  return code
}
