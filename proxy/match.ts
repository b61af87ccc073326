// Hot path: compiled once per policy, run once per request.
import type { RouteMatch } from '../protocol/snapshot.ts'
import type { TextMatch } from '../protocol/text-match.ts'
import { fieldOf, type RequestHead } from './exchange.ts'

/** Whether a request meets a condition; `path` is the normalised path without query. */
export type Condition = (request: RequestHead, path: string) => boolean

/**
 * Compiles all conditions of a match but path and pathPrefix, which the route table finds by look-up. Undefined when there are none.
 * Header names compare without case, hosts without case and port, methods exactly.
 */
export function compileConditions(match: RouteMatch): Condition | undefined {
  const conditions: Condition[] = []
  if (match.pathRegex !== undefined) {
    const regex = wholly(match.pathRegex)
    conditions.push((_request, path) => regex.test(path))
  }
  if (match.methods !== undefined) {
    const methods = new Set(match.methods)
    conditions.push(request => methods.has(request.method))
  }
  if (match.hosts !== undefined) conditions.push(hostCondition(match.hosts))
  for (const [name, text] of Object.entries(match.headers ?? {}))
    conditions.push(headerCondition(name.toLowerCase(), text))
  for (const [name, text] of Object.entries(match.query ?? {})) conditions.push(queryCondition(name, text))
  if (conditions.length === 0) return undefined
  if (conditions.length === 1) return conditions[0]
  return (request, path) => conditions.every(condition => condition(request, path))
}

/** A regex has to match the whole text, as Envoy's safe_regex does. */
export function wholly(source: string): RegExp {
  return new RegExp(`^(?:${source})$`)
}

function hostCondition(hosts: readonly string[]): Condition {
  const exact = new Set(hosts.filter(host => !host.startsWith('*')).map(host => host.toLowerCase()))
  const suffixes = hosts.filter(host => host.startsWith('*')).map(host => host.slice(1).toLowerCase())
  return request => {
    const host = hostOf(request.authority)
    return exact.has(host) || suffixes.some(suffix => host.endsWith(suffix) && host.length > suffix.length)
  }
}

function headerCondition(name: string, text: TextMatch): Condition {
  const matches = compileText(text)
  return request => matches(fieldOf(request.fields, name))
}

function queryCondition(name: string, text: TextMatch): Condition {
  const matches = compileText(text)
  return request => {
    const at = request.target.indexOf('?')
    const value = at < 0 ? null : new URLSearchParams(request.target.slice(at + 1)).get(name)
    return matches(value ?? undefined)
  }
}

/** One comparison; `undefined`: nothing is there. Throws where a regex does not compile. */
export function compileText(text: TextMatch): (value: string | undefined) => boolean {
  if (text.present === false) return value => value === undefined
  if (text.exact !== undefined) return value => value === text.exact
  if (text.prefix !== undefined) {
    const prefix = text.prefix
    return value => value?.startsWith(prefix) ?? false
  }
  if (text.regex !== undefined) {
    const regex = wholly(text.regex)
    return value => value !== undefined && regex.test(value)
  }
  return value => value !== undefined
}

/** Host of an authority in lower case, without port; IPv6 keeps its brackets. */
export function hostOf(authority: string): string {
  const end = authority.endsWith(']') ? -1 : authority.lastIndexOf(':')
  return (end < 0 ? authority : authority.slice(0, end)).toLowerCase()
}
