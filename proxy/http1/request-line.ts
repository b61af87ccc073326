// Hot path: the first line of every request.
import { SP, TARGET, TOKEN_LOWER } from './chars.ts'
import { type InvalidMessage, invalid } from './invalid.ts'
import { type HeadLimits, LEADING_EMPTY_LINES_MAX } from './limits.ts'
import type { Lines } from './lines.ts'
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
  readonly bytesMax: number
  #emptyLines = 0

  constructor(limits: HeadLimits) {
    this.bytesMax = Math.min(limits.requestLineBytesMax, limits.headBytesMax)
  }

  reset(): void {
    this.method = ''
    this.#emptyLines = 0
  }

  tooLong(): InvalidMessage {
    return invalid('request', 414, `the request line is longer than ${this.bytesMax} bytes; shorten the target`)
  }

  /**
   * Takes the current line: method, target and version with single spaces between. Returns its fault, or null. `method`
   * stays '' when the line is empty, as old clients send one behind a body (RFC 9112, 2.2).
   */
  take({ text, bytes, from, to }: Lines): InvalidMessage | null {
    if (from === to) return this.#takeEmpty()
    // Neither scan can pass the CR behind the line.
    let methodEnd = from
    while (TOKEN_LOWER[bytes[methodEnd]!] !== 0) methodEnd++
    if (methodEnd === from || bytes[methodEnd] !== SP) {
      return refused(400, 'the method is empty or holds a character that it may not')
    }
    let targetEnd = methodEnd + 1
    while (TARGET[bytes[targetEnd]!] === 1) targetEnd++
    if (targetEnd === methodEnd + 1 || bytes[targetEnd] !== SP) {
      return refused(400, 'the request target is empty, unfinished, or holds a byte that must be percent-encoded')
    }
    const version = text.slice(targetEnd + 1, to)
    if (version === 'HTTP/1.1') this.minorVersion = 1
    else if (version === 'HTTP/1.0') this.minorVersion = 0
    else if (isVersion(version)) return refused(505, 'the HTTP version is neither 1.0 nor 1.1')
    else return refused(400, 'the request line does not end with HTTP/1.0 or HTTP/1.1')
    const method = text.slice(from, methodEnd)
    const target = text.slice(methodEnd + 1, targetEnd)
    const form = targetForm(method, target)
    if (form === null) {
      return refused(400, 'the request target is neither a path nor an http URL nor what this method asks for')
    }
    this.method = method
    this.target = target
    this.form = form
    this.bytes = to + 2 - from
    return null
  }

  #takeEmpty(): InvalidMessage | null {
    if (++this.#emptyLines <= LEADING_EMPTY_LINES_MAX) return null
    return refused(400, `more than ${LEADING_EMPTY_LINES_MAX} empty lines before a request`)
  }
}

function refused(httpStatus: 400 | 505, reason: string): InvalidMessage {
  return invalid('request', httpStatus, reason)
}

function isVersion(word: string): boolean {
  return word.length === 8 && word.startsWith('HTTP/') && isDigit(word, 5) && word[6] === '.' && isDigit(word, 7)
}

function isDigit(word: string, at: number): boolean {
  const digit = word.charCodeAt(at) - 0x30
  return digit >= 0 && digit <= 9
}
