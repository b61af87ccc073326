import type { TextMatch } from '../../../protocol/text-match.ts'
import { compileText } from '../../match.ts'
import type { Claims } from './token-verdict.ts'

/** The value of a claim by its name; where there is none of that name, dots lead into objects (`realm_access.roles`). */
export function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  let value: unknown = claims
  for (const step of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string, unknown>)[step]
  }
  return value
}

/** Whether claims fit all that a rule says of them. Of a list, and of the words of `scope`, one has to fit. */
export function compileClaims(claims: Readonly<Record<string, TextMatch>>): (found: Claims) => boolean {
  const matchers = Object.entries(claims).map(([name, text]) => ({ name, matches: compileText(text) }))
  return found =>
    matchers.every(({ name, matches }) => {
      const values = textsOf(claimAt(found, name), name)
      return values.length === 0 ? matches(undefined) : values.some(matches)
    })
}

function textsOf(value: unknown, name: string): string[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value.flatMap(item => textsOf(item, ''))
  // RFC 8693, 4.2: one text of words with blanks between them.
  if (name === 'scope' && typeof value === 'string') return value.split(' ').filter(word => word !== '')
  return [typeof value === 'object' ? JSON.stringify(value) : String(value)]
}
