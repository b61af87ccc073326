// Hot path: who may call. Flat in the number of rules whose callers and paths are exact; allocates nothing where one rule decides.
import type { Intention, Intentions } from '../../protocol/intentions.ts'
import { pathOf } from '../path.ts'
import { type PathTable, pathTable } from '../path-table.ts'
import type { TokenVerdict } from './jwt/token-verdict.ts'
import { type Asked, compileRule, type Notes, type Rule } from './rule.ts'

/** What the rules say of a call, and which of them. */
export type Verdict = Decided | { verdict: 'unverified'; provider: string }

export interface Decided {
  verdict: 'allow' | 'deny'
  /** Name of the rule that decided; `default` when none fitted. */
  intention: string
  rule: Intention | undefined
  /** Dry-run rules that would have decided, had they been in force. */
  dryRun: readonly Intention[]
  /** Of a denial: the rule that would have let the call in but for its token. */
  lacking: Lacking | undefined
  reason: string
}

export interface Lacking {
  rule: Intention
  /** Valid: its claims are not what the rule asks for. */
  token: TokenVerdict
}

/** Rules made ready to be asked. */
export interface CompiledIntentions {
  intentions: Intentions
  /** By what a request is like. */
  ofRequest: Tables
  /** By the connection alone, where nobody reads what passes. */
  ofConnection: Tables
  byDefault: Decided
  notes: Notes
  decided: ReadonlyMap<Intention, Decided>
}

type Table = PathTable<Asked, Rule>

/** The rules that may fit a caller, by his name; '': somebody without an identity of this mesh. */
type Tables = (source: string) => Table

/** Makes the rules of a section ready. Throws where a regex does not compile. */
export function compileIntentions(intentions: Intentions): CompiledIntentions {
  const notes: Notes = { unverified: undefined, lacking: undefined, dryRun: undefined }
  return {
    intentions,
    ofRequest: tablesOf(intentions.rules, notes),
    ofConnection: tablesOf(intentions.rules.filter(holdsForConnections).map(withoutRequestParts), notes),
    byDefault: decidedBy(undefined, intentions.default),
    notes,
    decided: new Map(intentions.rules.map(rule => [rule, decidedBy(rule, rule.action)])),
  }
}

/** Judges a call. `unverified`: a rule that may decide wants a token that nobody verified yet; ask again when that is done. */
export function authorize(compiled: CompiledIntentions, asked: Asked): Verdict {
  const { notes, ofRequest, ofConnection } = compiled
  const table = (asked.request === undefined ? ofConnection : ofRequest)(asked.source)
  clear(notes)
  const rule = table(asked, asked.request === undefined ? '' : pathOf(asked.request.target))
  const order = rule?.order ?? Number.POSITIVE_INFINITY
  if (notes.unverified !== undefined && isBefore(notes.unverified, order))
    return { verdict: 'unverified', provider: notes.unverified.provider }
  const decided = rule === undefined ? compiled.byDefault : decidedOf(compiled, rule)
  if (notes.dryRun === undefined && notes.lacking === undefined) return decided
  return withNotes(decided, notes, order)
}

function clear(notes: Notes): void {
  notes.unverified = undefined
  notes.lacking = undefined
  notes.dryRun = undefined
}

function isBefore(noted: { order: number }, order: number): boolean {
  return noted.order < order
}

function withNotes(decided: Decided, { dryRun, lacking }: Notes, order: number): Decided {
  const before = dryRun?.filter(noted => isBefore(noted, order)).sort((a, b) => a.order - b.order)
  const lacks = decided.verdict === 'deny' && lacking !== undefined && isBefore(lacking, order)
  return {
    ...decided,
    dryRun: before?.map(({ rule }) => rule) ?? none,
    lacking: lacks ? { rule: lacking.rule, token: lacking.token } : undefined,
  }
}

const none: readonly Intention[] = []

function decidedOf({ decided }: CompiledIntentions, { intention }: Rule): Decided {
  return decided.get(intention) ?? decidedBy(intention, intention.action)
}

function decidedBy(rule: Intention | undefined, verdict: 'allow' | 'deny'): Decided {
  const says = verdict === 'allow' ? 'allows' : 'denies'
  const intention = rule?.name ?? 'default'
  const reason =
    rule === undefined ? `no intention fits, and the default ${says} it` : `intention ${intention} ${says} it`
  return { verdict, intention, rule, dryRun: none, lacking: undefined, reason }
}

/** A table for each caller that is named, made when he first calls; one for all others, one for strangers. */
function tablesOf(rules: readonly Intention[], notes: Notes): Tables {
  const compiled = rules.map((rule, order) => compileRule(rule, order, notes))
  const tableOf = (fits: (intention: Intention) => boolean) =>
    pathTable<Asked, Rule>(compiled.filter(({ intention }) => fits(intention)))
  const named = new Set(rules.flatMap(({ source }) => source.services ?? []))
  const others = tableOf(({ source }) => source.services === undefined)
  const byService = new Map([['', tableOf(rule => mayFit(rule, ''))]])
  return source => {
    const known = byService.get(source)
    if (known !== undefined) return known
    if (!named.has(source)) return others
    const table = tableOf(rule => mayFit(rule, source))
    byService.set(source, table)
    return table
  }
}

/** `service` '': somebody without an identity of this mesh, whom no rule lets in as one of everybody, and every such rule turns away. */
function mayFit({ source, action }: Intention, service: string): boolean {
  if (source.services !== undefined) return source.services.includes(service)
  return source.spiffe !== undefined || service !== '' || action === 'deny'
}

function looksIntoRequests({ methods, path, pathPrefix, pathRegex, headers, jwt }: Intention): boolean {
  return [methods, path, pathPrefix, pathRegex, headers, jwt].some(part => part !== undefined)
}

/** What nobody looks into is not let in by a rule that would have to, and is turned away by one. */
function holdsForConnections(rule: Intention): boolean {
  return rule.action === 'deny' || !looksIntoRequests(rule)
}

function withoutRequestParts(rule: Intention): Intention {
  if (!looksIntoRequests(rule)) return rule
  const { name, action, dryRun, precedence, source } = rule
  return { name, action, dryRun, precedence, source }
}
