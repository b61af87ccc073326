// Hot path: the first line of every request.
import { CR, LF, SP, TARGET, TOKEN_LOWER } from './chars.ts'
import { bareLineEnd } from './field-section.ts'
import { type InvalidMessage, invalid } from './invalid.ts'
import { type HeadLimits, LEADING_EMPTY_LINES_MAX } from './limits.ts'
import { type TargetForm, targetForm } from './target.ts'

/** The request line of the head being read. Reused from request to request by the parser that owns it. */
export class RequestLine {
  /** '' until the line has been taken. */
  method = ''
  target = ''
  form: TargetForm = 'origin'
  minorVersion: 0 | 1 = 1
  /** Bytes of the line with its end. */
  bytes = 0
  fault: InvalidMessage | null = null
  readonly bytesMax: number
  #emptyLines = 0

  constructor(limits: HeadLimits) {
    this.bytesMax = Math.min(limits.requestLineBytesMax, limits.headBytesMax)
  }

  reset(): void {
    this.method = ''
    this.fault = null
    this.#emptyLines = 0
  }

  tooLong(): InvalidMessage {
    return invalid('request', 414, `the request line is longer than ${this.bytesMax} bytes; shorten the target`)
  }

  /** Takes the request line at the beginning of `text`; returns the position behind it. Sets `method` or `fault`. */
  scan(text: string): number {
    const from = this.#skipEmptyLines(text)
    return this.fault !== null || from === text.length ? from : this.#scanLine(text, from)
  }

  /** Old clients send CR LF behind a body (RFC 9112, 2.2). */
  #skipEmptyLines(text: string): number {
    let at = 0
    while (text.charCodeAt(at) === CR && text.charCodeAt(at + 1) === LF) {
      at += 2
      if (++this.#emptyLines <= LEADING_EMPTY_LINES_MAX) continue
      this.fault = invalid('request', 400, `more than ${LEADING_EMPTY_LINES_MAX} empty lines before a request`)
      break
    }
    return at
  }

  /** Method, target and version with single spaces between. Leaves `method` empty when the line is unfinished or invalid. */
  #scanLine(text: string, from: number): number {
    const length = text.length
    let methodEnd = from
    while (methodEnd < length && TOKEN_LOWER[text.charCodeAt(methodEnd)] !== 0) methodEnd++
    if (methodEnd === from || text.charCodeAt(methodEnd) !== SP) {
      return this.#stopped(text, from, methodEnd, 'the method is empty or holds a character that it may not')
    }
    let targetEnd = methodEnd + 1
    while (targetEnd < length && TARGET[text.charCodeAt(targetEnd)] === 1) targetEnd++
    if (targetEnd === methodEnd + 1 || text.charCodeAt(targetEnd) !== SP) {
      const reason =
        'the request target is empty, holds a byte that must be percent-encoded, or has no version behind it'
      return this.#stopped(text, from, targetEnd, reason)
    }
    const version = versionAt(text, targetEnd + 1)
    const lineEnd = targetEnd + 9
    if (version < 0 || text.charCodeAt(lineEnd) !== CR || text.charCodeAt(lineEnd + 1) !== LF) {
      return this.#stoppedAtVersion(text, from, targetEnd + 1)
    }
    return this.#take(text, from, methodEnd, targetEnd, version)
  }

  #take(text: string, from: number, methodEnd: number, targetEnd: number, version: number): number {
    const next = targetEnd + 11
    if (next - from > this.bytesMax) {
      this.fault = this.tooLong()
      return from
    }
    const method = text.slice(from, methodEnd)
    const target = text.slice(methodEnd + 1, targetEnd)
    const form = targetForm(method, target)
    if (version === OTHER_VERSION) {
      this.fault = invalid('request', 505, 'the HTTP version is neither 1.0 nor 1.1')
    } else if (form === null) {
      this.fault = invalid(
        'request',
        400,
        'the request target is neither a path, nor an http URL, nor what this method asks for',
      )
    } else {
      this.method = method
      this.target = target
      this.form = form
      this.minorVersion = version === 0 ? 0 : 1
      this.bytes = next - from
    }
    return next
  }

  #stoppedAtVersion(text: string, from: number, at: number): number {
    // Whichever byte breaks the rule, a lone CR or LF is the better reason.
    let stop = at
    while (stop < text.length && text.charCodeAt(stop) !== CR && text.charCodeAt(stop) !== LF) stop++
    return this.#stopped(text, from, stop, 'the request line does not end with HTTP/1.0 or HTTP/1.1')
  }

  /** As FieldSection's: a line is judged only when it is whole. */
  #stopped(text: string, from: number, at: number, reason: string): number {
    const lineFeed = text.indexOf('\n', from)
    if (lineFeed < 0) return from
    if (lineFeed + 1 - from > this.bytesMax) this.fault = this.tooLong()
    else this.fault = invalid('request', 400, bareLineEnd(text, at) || reason)
    return from
  }
}

/** Any HTTP version but 1.0 and 1.1. */
const OTHER_VERSION = 2

/** 0 for `HTTP/1.0` at `at`, 1 for `HTTP/1.1`, OTHER_VERSION for another `HTTP/d.d`, -1 for anything else. */
function versionAt(text: string, at: number): number {
  if (text.startsWith('HTTP/1.1', at)) return 1
  if (text.startsWith('HTTP/1.0', at)) return 0
  const isVersion = text.startsWith('HTTP/', at) && text.charCodeAt(at + 6) === 0x2e
  return isVersion && isDigitAt(text, at + 5) && isDigitAt(text, at + 7) ? OTHER_VERSION : -1
}

function isDigitAt(text: string, at: number): boolean {
  const digit = text.charCodeAt(at) - 0x30
  return digit >= 0 && digit <= 9
}
