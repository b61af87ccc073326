// Hot path: compiled once per snapshot, run for the requests that a rule may fit.
import type { Intention } from '../../protocol/intentions.ts'
import type { RequestHead } from '../exchange.ts'
import { wholly } from '../match.ts'
import type { PathEntry } from '../path-table.ts'
import { compileHeader } from './header-condition.ts'
import { compileClaims } from './jwt/claim.ts'
import type { TokenVerdict } from './jwt/token-verdict.ts'

/** Who asks for what, in words of no wire. */
export interface Asked {
  /** Service or gateway of this mesh that the caller's certificate names; '' when it showed none, or one of another kind. */
  source: string
  /** SPIFFE id of that certificate; '' when it showed none. */
  sourceId: string
  /** Undefined: a connection whose bytes nobody reads. */
  request: RequestHead | undefined
  /** What the request's token of a provider comes to; undefined: it has to be verified first. */
  tokens(provider: string): TokenVerdict | undefined
}

/** What was met on the way to a verdict beside the rule that decides. Only what stands before that rule counts. */
export interface Notes {
  unverified: { order: number; provider: string } | undefined
  /** The first rule that would have let the call in but for its token. */
  lacking: { order: number; rule: Intention; token: TokenVerdict } | undefined
  dryRun: { order: number; rule: Intention }[] | undefined
}

export interface Rule extends PathEntry<Asked> {
  intention: Intention
}

/** Throws where a regex does not compile. `notes` is written by the rule's condition. */
export function compileRule(intention: Intention, order: number, notes: Notes): Rule {
  const { path, pathPrefix } = intention
  return { order, path, pathPrefix, intention, condition: conditionOf(intention, order, notes) }
}

type Condition = (asked: Asked, path: string) => boolean

/** All that is not found by look-up. A dry-run rule fits nothing: that it would have is noted. */
function conditionOf(intention: Intention, order: number, notes: Notes): Condition | undefined {
  const parts = [
    sourceCondition(intention),
    methodCondition(intention),
    ...headerConditions(intention),
    regexCondition(intention),
    tokenCondition(intention, order, notes),
  ].filter(part => part !== undefined)
  if (intention.dryRun)
    parts.push(() => {
      notes.dryRun ??= []
      notes.dryRun.push({ order, rule: intention })
      return false
    })
  if (parts.length <= 1) return parts[0]
  return (asked, path) => {
    for (const part of parts) if (!part(asked, path)) return false
    return true
  }
}

/** Services are told apart by look-up, and who shows nothing is kept from rules that let everybody in: what is left are SPIFFE ids. */
function sourceCondition({ source: { spiffe } }: Intention): Condition | undefined {
  if (spiffe === undefined) return undefined
  if (!spiffe.endsWith('*')) return ({ sourceId }) => sourceId === spiffe
  const prefix = spiffe.slice(0, -1)
  return ({ sourceId }) => sourceId.startsWith(prefix)
}

/** Methods are case-sensitive (RFC 9110, 9.1); to turn away, an application is feared that does not know. */
function methodCondition({ methods, action }: Intention): Condition | undefined {
  if (methods === undefined) return undefined
  const named = new Set(methods)
  if (action === 'allow') return ({ request }) => named.has(request!.method)
  return ({ request }) => named.has(request!.method.toUpperCase())
}

function headerConditions({ headers, action }: Intention): Condition[] {
  return Object.entries(headers ?? {}).map(([name, text]): Condition => {
    const fits = compileHeader(name, text, action)
    return ({ request }) => fits(request!.fields)
  })
}

function regexCondition({ pathRegex }: Intention): Condition | undefined {
  if (pathRegex === undefined) return undefined
  const regex = wholly(pathRegex)
  return (_asked, path) => regex.test(path)
}

/** Stands last: a token is verified only when all else fits. */
function tokenCondition(intention: Intention, order: number, notes: Notes): Condition | undefined {
  const { jwt, action, dryRun } = intention
  if (jwt === undefined) return undefined
  const fits = compileClaims(jwt.claims)
  return asked => {
    const token = asked.tokens(jwt.provider)
    if (token === undefined) {
      if (notes.unverified === undefined || order < notes.unverified.order)
        notes.unverified = { order, provider: jwt.provider }
      return false
    }
    if (token.status === 'valid' && fits(token.claims)) return true
    const lets = action === 'allow' && !dryRun
    if (lets && (notes.lacking === undefined || order < notes.lacking.order))
      notes.lacking = { order, rule: intention, token }
    return false
  }
}
