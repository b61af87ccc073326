// Hot path where a rule asks for tokens.
import type { Fields } from '../../exchange.ts'
import { invalid, type TokenVerdict } from './token-verdict.ts'

const TOKEN_LENGTH_MAX = 16 * 1024

export type FoundToken = { status: 'found'; token: string } | Exclude<TokenVerdict, { status: 'valid' }>

/**
 * The token in a header of a request (RFC 6750, 2.1). Twice the same header is refused rather than read: the application may take the other
 * one.
 */
export function tokenOf(fields: Fields, header: string): FoundToken {
  let value: string | undefined
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== header) continue
    if (value !== undefined) return refused(`the header ${header} stands there more than once`)
    value = fields[i + 1]!
  }
  if (value === undefined) return { status: 'missing', detail: `no token stands in the header ${header}` }
  if (header !== 'authorization') return checked(value.trim())
  const bearer = /^bearer +(\S+)$/i.exec(value.trim())
  if (bearer !== null) return checked(bearer[1]!)
  return { status: 'missing', detail: 'the header authorization holds no Bearer token' }
}

function checked(token: string): FoundToken {
  if (token.length > TOKEN_LENGTH_MAX) return refused(`the token is longer than ${TOKEN_LENGTH_MAX} characters`)
  // Three parts of base64url (RFC 7515, 7.1).
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return { status: 'found', token }
  return refused('the token is no signed JWT')
}

function refused(detail: string): FoundToken {
  return invalid('malformed', detail) as FoundToken
}
