import type { Retries, Route, RouteMatch } from '../snapshot.ts'
import type { TextMatch } from '../text-match.ts'
import { filled, layered } from './defaults.ts'
import { known, milliseconds, shareOf } from './resolve-values.ts'
import { type PolicyWritten, retriesField } from './schema.ts'
import type { MatchWritten, RouteWritten, TextMatchWritten } from './schema-route.ts'

type RetriesWritten = PolicyWritten['retries']

/**
 * The routes of one list, each with a name of its own. `home` is the service that the list belongs to (a gateway has none);
 * what a route does not say of its retries comes from the service that it leads to.
 */
export function resolveRoutes(
  routes: readonly RouteWritten[],
  owner: string,
  home: string | undefined,
  retriesOf: (service: string) => RetriesWritten,
): Route[] {
  const taken = new Set(routes.map(route => route.name))
  return routes.map((route, index) => {
    const name = route.name ?? freeName(`${owner}-${index + 1}`, taken)
    const target = route.to?.service ?? home
    const below = target === undefined ? undefined : retriesOf(target)
    return {
      name,
      match: resolveMatch(route.match ?? {}),
      ...(route.to === undefined ? {} : { to: route.to }),
      ...(route.rewrite === undefined ? {} : { rewrite: route.rewrite }),
      ...(route.timeout === undefined ? {} : { timeoutMs: milliseconds(route.timeout) }),
      ...(route.retries === undefined ? {} : { retries: retriesOver(below, route.retries) }),
    }
  })
}

function freeName(wanted: string, taken: Set<string | undefined>): string {
  let name = wanted
  while (taken.has(name)) name += '-'
  taken.add(name)
  return name
}

function retriesOver(below: RetriesWritten, written: RetriesWritten): Retries {
  return resolveRetries(filled(retriesField, layered(retriesField, below, written)) as RetriesWritten)
}

/** Takes retries with their defaults filled in; off keeps the other settings at their defaults and tries nothing again. */
export function resolveRetries(written: RetriesWritten): Retries {
  const block = (written === 'off' ? filled(retriesField, { attempts: 0 }) : known(written)) as Exclude<
    RetriesWritten,
    string
  >
  return {
    attempts: known(block?.attempts),
    on: known(block?.on),
    statusCodes: known(block?.statusCodes),
    perTryTimeoutMs: milliseconds(block?.perTryTimeout),
    budget: shareOf(block?.budget),
    budgetPerSecond: known(block?.budgetPerSecond),
    backoffBaseMs: milliseconds(block?.backoffBase),
    backoffMaxMs: milliseconds(block?.backoffMax),
  }
}

function resolveMatch(match: MatchWritten): RouteMatch {
  const { headers, query, ...rest } = match
  return {
    ...rest,
    ...(headers === undefined ? {} : { headers: resolveTexts(headers, name => name.toLowerCase()) }),
    ...(query === undefined ? {} : { query: resolveTexts(query, name => name) }),
  }
}

export function resolveTexts(
  texts: Record<string, string | TextMatchWritten>,
  nameOf: (name: string) => string,
): Record<string, TextMatch> {
  const entries = Object.entries(texts)
  return Object.fromEntries(
    entries.map(([name, text]) => [nameOf(name), typeof text === 'string' ? { exact: text } : text]),
  )
}
