// Hot path: fields of a block become a head; what each field is was found out when it was decoded.

import { type Fields, fieldOf } from '../exchange.ts'
import { isAllowedInTrailers } from '../http1/trailers.ts'
import type { RequestHead, ResponseHead } from './heads.ts'
import type { FieldSink } from './hpack/decoder.ts'
import {
  AUTHORITY_KIND,
  CONTENT_LENGTH,
  COOKIE,
  EXPECT,
  type Field,
  HOST,
  METHOD,
  PATH,
  PLAIN,
  PROTOCOL,
  PSEUDO_TO,
  REFUSED,
  SCHEME,
  STATUS,
  TE,
} from './hpack/field.ts'
import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from './limits.ts'

type Section = 'request' | 'response' | 'trailers'

const NONE = ''
const CONTENT_TYPE = 'content-type'
const KEPT_TYPE_LENGTH_MAX = 100
const ZERO = 0x30

/** One block at a time, reused from block to block: `begin`, fields, and then one of `request`, `response`, `trailers`. */
export class HeadBuilder implements FieldSink {
  /** Why the message is malformed (RFC 9113, 8.1.1), '' when it is not, or not yet. Known whole after the last call. */
  fault = NONE
  /** The bound that was passed, if any: the fields are dropped then, but for a content-type. */
  tooLarge: 'headerListBytesMax' | 'headerFieldsMax' | '' = ''
  #limits: Http2Limits = DEFAULT_HTTP2_LIMITS
  #section: Section = 'request'
  #fields: Fields = []
  #count = 0
  #bytes = 0
  readonly #pseudo: string[] = new Array(PSEUDO_TO + 1).fill(NONE)
  #regular = false
  #host: string | null = null
  #contentLength = -1
  #cookieAt = -1
  #expectContinue = false
  #acceptsTrailers = false
  #underscoreNames = false
  #neverIndexed: string[] | null = null

  begin(section: Section, limits: Http2Limits): void {
    this.#limits = limits
    this.fault = NONE
    this.tooLarge = ''
    this.#section = section
    this.#fields = []
    this.#count = 0
    this.#bytes = 0
    // By hand: Array.fill leaves compiled code for as few as these.
    for (let i = 0; i <= PSEUDO_TO; i++) this.#pseudo[i] = NONE
    this.#regular = false
    this.#host = null
    this.#contentLength = -1
    this.#cookieAt = -1
    this.#expectContinue = false
    this.#acceptsTrailers = false
    this.#underscoreNames = false
    this.#neverIndexed = null
  }

  onField(field: Field, neverIndexed: boolean): void {
    this.#bytes += field.bytes
    this.#count++
    if (this.tooLarge !== '') {
      this.#keepType(field.name, field.value)
      return
    }
    if (this.#bytes > this.#limits.headerListBytesMax) this.#drop('headerListBytesMax')
    else if (this.#count > this.#limits.headerFieldsMax) this.#drop('headerFieldsMax')
    else if (this.fault === NONE) this.#take(field, neverIndexed)
  }

  #drop(limit: 'headerListBytesMax' | 'headerFieldsMax'): void {
    this.tooLarge = limit
    const type = fieldOf(this.#fields, CONTENT_TYPE)
    this.#fields = []
    if (type !== undefined) this.#keepType(CONTENT_TYPE, type)
  }

  /** Whoever refuses it answers in the client's own words: a call of gRPC wants a status, not a page. */
  #keepType(name: string, value: string): void {
    if (name === CONTENT_TYPE && this.#fields.length === 0 && value.length <= KEPT_TYPE_LENGTH_MAX)
      this.#fields.push(name, value)
  }

  #take(field: Field, neverIndexed: boolean): void {
    const { kind } = field
    if (kind > PLAIN && kind <= PSEUDO_TO) {
      this.#takePseudo(field)
      return
    }
    this.#regular = true
    if (kind === REFUSED) {
      this.fault = field.fault
      return
    }
    if (kind !== PLAIN && !this.#takeSpecial(field)) return
    if (neverIndexed) this.#neverIndexed = [...(this.#neverIndexed ?? []), field.name]
    if (field.underscore) this.#underscoreNames = true
    this.#fields.push(field.name, field.value)
  }

  /** RFC 9113, 8.3: before the others, each once, each in its place. */
  #takePseudo(field: Field): void {
    const { kind } = field
    const isResponses = kind === STATUS
    if (this.#regular) this.fault = 'a pseudo-header field behind a regular one'
    else if (this.#section === 'trailers') this.fault = 'a pseudo-header field in trailers'
    else if (isResponses !== (this.#section === 'response')) this.fault = `${field.name} in a ${this.#section}`
    else if (this.#pseudo[kind] !== NONE) this.fault = `${field.name} is given more than once`
    else this.#pseudo[kind] = field.value
  }

  /** False: it does not go into the fields, or the message is malformed. */
  #takeSpecial(field: Field): boolean {
    switch (field.kind) {
      case HOST:
        if (this.#section !== 'request') return true
        if (this.#host !== null) this.fault = 'host is given more than once'
        this.#host = field.value
        return false
      case CONTENT_LENGTH:
        return this.#takeLength(field.value)
      case COOKIE:
        return this.#takeCookie(field.value)
      case TE:
        this.#acceptsTrailers = true
        return true
      case EXPECT:
        if (field.value.toLowerCase() === '100-continue') this.#expectContinue = true
        return true
      default:
        return true
    }
  }

  /** As in HTTP/1.1 once only, be the values equal or not, and without leading zeros on its way. */
  #takeLength(value: string): boolean {
    if (this.#contentLength >= 0) {
      this.fault = 'content-length is given more than once'
      return false
    }
    this.#contentLength = Number(value)
    // Mostly it is the plain number that it should be.
    if (this.#section === 'trailers' || value.charCodeAt(0) !== ZERO) return true
    this.#fields.push('content-length', String(this.#contentLength))
    return false
  }

  /** Crumbs are put together: other wires know one cookie field only (8.2.3). */
  #takeCookie(value: string): boolean {
    if (this.#cookieAt < 0) {
      this.#cookieAt = this.#fields.length + 1
      return true
    }
    this.#fields[this.#cookieAt] += `; ${value}`
    return false
  }

  /** @param allowsProtocol our settings said ENABLE_CONNECT_PROTOCOL */
  request(allowsProtocol: boolean): RequestHead {
    const pseudo = this.#pseudo
    const method = pseudo[METHOD]!
    const protocol = pseudo[PROTOCOL]!
    if (this.tooLarge === '' && this.fault === NONE) this.fault = this.#requestFault(method, protocol, allowsProtocol)
    const isEmpty = this.tooLarge !== ''
    return {
      method: isEmpty ? '' : method,
      scheme: isEmpty ? '' : pseudo[SCHEME]!,
      authority: isEmpty ? '' : pseudo[AUTHORITY_KIND]! || (this.#host ?? ''),
      path: isEmpty ? '' : pseudo[PATH]!,
      protocol: isEmpty ? '' : protocol,
      fields: this.#fields,
      contentLength: isEmpty ? -1 : this.#contentLength,
      expectContinue: this.#expectContinue,
      acceptsTrailers: this.#acceptsTrailers,
      underscoreNames: this.#underscoreNames,
      neverIndexed: isEmpty ? null : this.#neverIndexed,
      tooLarge: isEmpty,
    }
  }

  /** RFC 9113, 8.3.1 and 8.5; RFC 8441, 4. */
  #requestFault(method: string, protocol: string, allowsProtocol: boolean): string {
    const authority = this.#pseudo[AUTHORITY_KIND]!
    const scheme = this.#pseudo[SCHEME]!
    const path = this.#pseudo[PATH]!
    if (method === NONE) return 'a request without :method'
    if (this.#host !== null && authority !== NONE && this.#host.toLowerCase() !== authority.toLowerCase())
      return ':authority and host name different hosts'
    if (protocol !== NONE) {
      if (method !== 'CONNECT') return ':protocol in a request other than CONNECT'
      if (!allowsProtocol) return ':protocol, though our settings do not offer extended CONNECT'
      if (authority === NONE) return 'an extended CONNECT without :authority'
    } else if (method === 'CONNECT') {
      if (authority === NONE) return 'a CONNECT without :authority'
      return scheme !== NONE || path !== NONE ? 'a CONNECT with :scheme or :path' : NONE
    }
    if (scheme === NONE) return 'a request without :scheme'
    if (path === NONE) return 'a request without :path'
    return path === '*' && method !== 'OPTIONS' ? 'a :path of * with a method other than OPTIONS' : NONE
  }

  /** RFC 9113, 8.3.2; 101 means nothing in HTTP/2 (8.6). */
  response(): ResponseHead {
    const status = this.#pseudo[STATUS]!
    if (this.fault === NONE) {
      if (status === NONE) this.fault = 'an answer without :status'
      else if (status === '101') this.fault = 'an answer 101, which HTTP/2 does not have'
    }
    return {
      statusCode: Number(status),
      fields: this.#fields,
      contentLength: this.#contentLength,
      neverIndexed: this.#neverIndexed,
    }
  }

  /** Without the fields that may not stand in trailers; null when none is left. */
  trailers(): Fields | null {
    const fields = this.#fields
    const allowed: Fields = []
    for (let i = 0; i < fields.length; i += 2) {
      if (isAllowedInTrailers(fields[i]!)) allowed.push(fields[i]!, fields[i + 1]!)
    }
    return allowed.length === 0 ? null : allowed
  }
}
