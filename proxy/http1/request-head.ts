// Hot path: one request head a request.
import { FieldSection } from './field-section.ts'
import { HeadReader, type LineParser } from './head-reader.ts'
import { type InvalidMessage, invalid } from './invalid.ts'
import { DEFAULT_HEAD_LIMITS, type HeadLimits } from './limits.ts'
import type { Lines } from './lines.ts'
import { RequestLine } from './request-line.ts'
import { authorityOfAbsolute, isAuthority, pathOfAbsolute, type TargetForm } from './target.ts'

/** A request head that keeps every rule of RFC 9112 and of the limits. */
export interface RequestHead {
  readonly status: 'complete'
  /** As sent: methods are case-sensitive. */
  readonly method: string
  /** The request target as sent. */
  readonly target: string
  readonly form: TargetForm
  /** Path with query for origin and absolute form, `*` for the asterisk form, '' for CONNECT. Not normalised. */
  readonly path: string
  /** Host and optional port: from the target where it names one (it wins over Host), else from Host; '' when neither does. */
  readonly authority: string
  /** `http` or `https` as an absolute-form target says, else ''. */
  readonly scheme: string
  readonly minorVersion: 0 | 1
  /** name, value, name, value ... ; names in lower case. Hop-by-hop fields are still there (see hop-by-hop.ts). Yours to change. */
  readonly fields: string[]
  /** Bytes of body announced, -1 when not announced. */
  readonly contentLength: number
  readonly chunked: boolean
  /** The client wants the connection kept after this exchange. */
  readonly keepAlive: boolean
  /** Protocols offered by Upgrade and Connection: upgrade together, else ''. */
  readonly upgrade: string
  /** The client waits for 100 Continue before it sends the body. */
  readonly expectContinue: boolean
  /** TE: trailers. */
  readonly acceptsTrailers: boolean
  /** Names of fields that Connection declares hop-by-hop, in lower case. */
  readonly connectionNames: readonly string[]
  /** False spares removing hop-by-hop fields: there are none. */
  readonly hopByHop: boolean
  /** A field name holds an underscore (the data plane refuses such from outside the mesh). */
  readonly underscoreNames: boolean
}

/** A reader of request heads for one connection. Invalid ones carry 400, 414, 431 or 505. */
export function requestHeadReader(limits: HeadLimits = DEFAULT_HEAD_LIMITS): HeadReader<RequestHead> {
  return new HeadReader(new RequestHeadParser(limits))
}

class RequestHeadParser implements LineParser<RequestHead> {
  readonly side = 'request'
  readonly #line: RequestLine
  readonly #section: FieldSection

  constructor(limits: HeadLimits) {
    this.#line = new RequestLine(limits)
    this.#section = new FieldSection('request', limits, true)
  }

  get started(): boolean {
    return this.#line.method !== ''
  }

  reset(): void {
    this.#line.reset()
    this.#section.reset()
  }

  lineBytesMax(): number {
    return this.started ? this.#section.lineBytesMax() : this.#line.bytesMax
  }

  lineTooLong(): InvalidMessage {
    return this.started ? this.#section.lineTooLong() : this.#line.tooLong()
  }

  line(lines: Lines): RequestHead | InvalidMessage | null {
    const line = this.#line
    const section = this.#section
    if (line.method === '') {
      const fault = line.take(lines)
      section.bytesTaken = line.bytes
      return fault
    }
    section.line(lines)
    if (section.fault !== null) return section.fault
    return section.ended ? this.#complete() : null
  }

  #complete(): RequestHead | InvalidMessage {
    const facts = this.#section.facts
    const fault = this.#framingFault() ?? this.#hostFault()
    if (fault !== null) return fault
    const isCurrent = this.#line.minorVersion === 1
    const form = this.#line.form
    const fields = this.#section.fields
    const target = this.#line.target
    let authority = facts.host ?? ''
    if (form === 'absolute') authority = authorityOfAbsolute(target)
    else if (form === 'authority') authority = target
    if (form === 'absolute' || form === 'authority') setHost(fields, authority)
    return {
      status: 'complete',
      method: this.#line.method,
      target,
      form,
      path: form === 'absolute' ? pathOfAbsolute(this.#line.method, target) : form === 'authority' ? '' : target,
      authority,
      scheme: form === 'absolute' ? target.slice(0, target.indexOf(':')).toLowerCase() : '',
      minorVersion: this.#line.minorVersion,
      fields,
      contentLength: facts.contentLength,
      chunked: facts.chunked,
      keepAlive: !facts.close && (isCurrent || facts.keepAlive),
      // HTTP/1.0 knows neither Upgrade nor Expect: both must be ignored (RFC 9110, 7.8 and 10.1.1).
      upgrade: isCurrent && facts.connectionUpgrade ? facts.upgrade : '',
      expectContinue: isCurrent && facts.expectContinue,
      acceptsTrailers: facts.acceptsTrailers,
      connectionNames: facts.connectionNames,
      hopByHop: facts.hopByHop,
      underscoreNames: this.#section.underscoreNames,
    }
  }

  #framingFault(): InvalidMessage | null {
    const { chunked, contentLength } = this.#section.facts
    if (chunked && contentLength >= 0) return this.#fault('both Content-Length and Transfer-Encoding are given')
    if (chunked && this.#line.minorVersion === 0) return this.#fault('Transfer-Encoding in an HTTP/1.0 message')
    // What follows a CONNECT is the tunnel's. A body before it would be a second reading of the same bytes.
    if (this.#line.method === 'CONNECT' && (chunked || contentLength > 0)) return this.#fault('CONNECT with a body')
    return null
  }

  #hostFault(): InvalidMessage | null {
    const host = this.#section.facts.host
    if (host === null) return this.#line.minorVersion === 1 ? this.#fault('no Host is given') : null
    return isAuthority(host) ? null : this.#fault('Host is not a host with an optional port')
  }

  #fault(reason: string): InvalidMessage {
    return invalid('request', 400, reason)
  }
}

/** Where the target names the authority, Host must follow it (RFC 9112, 3.2.2), or the next hop routes by another name. */
function setHost(fields: string[], authority: string): void {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'host') continue
    fields[i + 1] = authority
    return
  }
  fields.push('host', authority)
}
