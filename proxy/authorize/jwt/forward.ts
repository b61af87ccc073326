// Hot path where providers forward claims: the removal at each request.
import type { JwtProvider } from '../../../protocol/intentions.ts'
import type { Exchange, Fields } from '../../exchange.ts'
import { claimAt } from './claim.ts'
import type { Claims } from './token-verdict.ts'

export type Removal = (fields: Fields) => Fields

const VALUE_LENGTH_MAX = 4096

/** Every header that some provider forwards a claim as: nobody but a proxy may set them. */
export function forwardedHeaders(providers: Readonly<Record<string, JwtProvider>>): ReadonlySet<string> {
  return new Set(Object.values(providers).flatMap(({ forward }) => Object.values(forward)))
}

/** The fields without those headers; the same array when there is none. An underscore is read as a dash by some applications. */
export function withoutForwarded(fields: Fields, forwarded: ReadonlySet<string>): Fields {
  let kept: Fields | undefined
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    const removed = forwarded.has(name) || (name.includes('_') && forwarded.has(name.replaceAll('_', '-')))
    if (removed) kept ??= fields.slice(0, i)
    else kept?.push(name, fields[i + 1]!)
  }
  return kept ?? fields
}

/** `withoutForwarded` for headers that stay the same; undefined: there are none. */
export function removalOf(forwarded: ReadonlySet<string>): Removal | undefined {
  return forwarded.size === 0 ? undefined : fields => withoutForwarded(fields, forwarded)
}

/** Whatever the request says by those headers is taken out of it, in its head and in the trailers that come later. */
export function removeForwarded(exchange: Exchange, removal: Removal | undefined): void {
  if (removal === undefined) return
  exchange.request.fields = removal(exchange.request.fields)
  exchange.cleanTrailers = removal
}

/** Adds what the token says, by the headers of its provider. A claim that is not there, or longer than a header may be, is left out. */
export function pushClaims(fields: Fields, claims: Claims, forward: Readonly<Record<string, string>>): void {
  for (const [claim, header] of Object.entries(forward)) {
    const value = headerValueOf(claimAt(claims, claim))
    if (value !== undefined) fields.push(header, value)
  }
}

/**
 * Texts, numbers and truth values as they are, a list of them joined by commas, anything else as JSON. What is not plain ASCII is
 * percent-encoded as UTF-8 as a whole: a header has no other letters, and no line may end in it.
 */
function headerValueOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  const plain = (item: unknown) => typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean'
  const text = plain(value)
    ? String(value)
    : Array.isArray(value) && value.every(plain)
      ? value.join(',')
      : JSON.stringify(value)
  const safe = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text) ? text : encodeURIComponent(text.toWellFormed())
  return safe.length === 0 || safe.length > VALUE_LENGTH_MAX ? undefined : safe
}
