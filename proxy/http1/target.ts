// Hot path for the origin form; the other forms are rare.
import { AUTHORITY, HEX_PLUS_ONE } from './chars.ts'

/** The four shapes of a request target (RFC 9112, 3.2). */
export type TargetForm = 'origin' | 'absolute' | 'authority' | 'asterisk'

/** Which form `target` has under `method`, or null when it fits none. `target` holds only TARGET characters. */
export function targetForm(method: string, target: string): TargetForm | null {
  if (method === 'CONNECT') return isHostWithPort(target) ? 'authority' : null
  if (target.charCodeAt(0) === 0x2f) return 'origin'
  if (target === '*') return method === 'OPTIONS' ? 'asterisk' : null
  const from = authorityFrom(target)
  if (from === 0) return null
  const authority = target.slice(from, authorityTo(target, from))
  return authority !== '' && isAuthority(authority) ? 'absolute' : null
}

/** The authority of an absolute-form target. */
export function authorityOfAbsolute(target: string): string {
  const from = authorityFrom(target)
  return target.slice(from, authorityTo(target, from))
}

/**
 * What an absolute-form target asks of the origin: path and query, `/` put in front where the path is empty, and `*` for
 * an OPTIONS about the whole server (RFC 9112, 3.2.4).
 */
export function pathOfAbsolute(method: string, target: string): string {
  const path = target.slice(authorityTo(target, authorityFrom(target)))
  if (path === '') return method === 'OPTIONS' ? '*' : '/'
  return path.startsWith('/') ? path : `/${path}`
}

/** Where the authority begins, 0 when the scheme is neither http nor https. */
function authorityFrom(target: string): number {
  const scheme = target.slice(0, 8).toLowerCase()
  if (scheme.startsWith('http://')) return 7
  return scheme === 'https://' ? 8 : 0
}

function authorityTo(target: string, from: number): number {
  for (let i = from; i < target.length; i++) {
    const code = target.charCodeAt(i)
    if (code === 0x2f || code === 0x3f) return i
  }
  return target.length
}

/**
 * Whether `value` is a host with an optional port: a name, an IPv4 address or a bracketed IPv6 address. Empty is allowed,
 * as in RFC 9110, 7.2. No userinfo (RFC 9110, 4.2.4), no list.
 */
export function isAuthority(value: string): boolean {
  for (let i = 0; i < value.length; i++) if (AUTHORITY[value.charCodeAt(i)] !== 1) return false
  if (value === '') return true
  const hostEnd = value.startsWith('[') ? addressEnd(value) : colonOrEnd(value)
  if (hostEnd === 0) return false
  if (hostEnd === value.length) return true
  return value.charCodeAt(hostEnd) === 0x3a && isPort(value, hostEnd + 1)
}

/** The end of `[...]` around an IPv6 address with an optional zone, 0 when it is none. */
function addressEnd(value: string): number {
  const close = value.indexOf(']')
  for (let i = 1; i < close; i++) {
    const code = value.charCodeAt(i)
    if (code === 0x25) return i > 1 ? close + 1 : 0
    if (code !== 0x3a && code !== 0x2e && HEX_PLUS_ONE[code] === 0) return 0
  }
  return close > 1 ? close + 1 : 0
}

function isHostWithPort(value: string): boolean {
  const lastColon = value.lastIndexOf(':')
  return lastColon > 0 && lastColon < value.length - 1 && !value.endsWith(']') && isAuthority(value)
}

function colonOrEnd(value: string): number {
  if (value.includes('[') || value.includes(']')) return 0
  const colon = value.indexOf(':')
  return colon < 0 ? value.length : colon
}

/** Digits up to 65535. Empty is allowed (RFC 3986, 3.2.3). */
function isPort(value: string, from: number): boolean {
  let port = 0
  for (let i = from; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return false
    port = port * 10 + digit
    if (port > 65535) return false
  }
  return true
}
