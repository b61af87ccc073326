import type { SloConfig } from '../../protocol/mesh-config/config.ts'
import type { SloStanding } from './standing.ts'
import { sumOf, WINDOW_MS_MAX, type Window } from './windows.ts'

/**
 * SLOs, error budgets and burn rates. Burn is the failure share over (1 - target): at 1 the budget lasts exactly as long as the SLO's
 * window. A rule speaks only when a long and a short window burn: the long one that it matters, the short one that it still goes on
 * (Google SRE workbook, chapter 5).
 */
export interface BurnRule {
  severity: 'page' | 'ticket'
  burn: number
  longMs: number
  shortMs: number
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export const burnRules: readonly BurnRule[] = [
  { severity: 'page', burn: 14.4, longMs: HOUR, shortMs: 5 * MINUTE },
  { severity: 'page', burn: 6, longMs: 6 * HOUR, shortMs: 30 * MINUTE },
  { severity: 'ticket', burn: 3, longMs: DAY, shortMs: 2 * HOUR },
  { severity: 'ticket', burn: 1, longMs: 3 * DAY, shortMs: 6 * HOUR },
]

/** The same thresholds for moving traffic, in seconds, on one version alone. */
export const shiftRules: readonly Omit<BurnRule, 'severity'>[] = [
  { burn: 14.4, longMs: 60 * SECOND, shortMs: 5 * SECOND },
  { burn: 6, longMs: 6 * MINUTE, shortMs: 30 * SECOND },
]

/** Failure share over (1 - target); 0 when nothing was asked. `target` is below 1. */
export function burnOf(bad: number, all: number, target: number): number {
  return all > 0 ? bad / all / (1 - target) : 0
}

/** Which field of a window counts as bad: 1 failures, 2 slow. */
export type BadField = 1 | 2

/** The SLOs of a service as they stand; `window` counts requests, failures, slow. */
export function sloStandings(window: Window, slo: SloConfig, nowMs: number): SloStanding[] {
  const standings: SloStanding[] = []
  const windowMs = Math.min(slo.windowMs, WINDOW_MS_MAX)
  if (slo.availability !== undefined)
    standings.push(sloStanding('availability', window, 1, slo.availability, windowMs, nowMs))
  if (slo.latency) standings.push(sloStanding('latency', window, 2, slo.latency.share, windowMs, nowMs))
  return standings
}

const burnWindows: readonly [name: string, spanMs: number][] = [
  ['5m', 5 * MINUTE],
  ['30m', 30 * MINUTE],
  ['1h', HOUR],
  ['2h', 2 * HOUR],
  ['6h', 6 * HOUR],
  ['1d', DAY],
  ['3d', 3 * DAY],
]

function sloStanding(
  kind: SloStanding['kind'],
  window: Window,
  field: BadField,
  target: number,
  windowMs: number,
  nowMs: number,
): SloStanding {
  const burnWithin = (spanMs: number) => {
    const sums = sumOf(window, spanMs, nowMs)
    return burnOf(sums[field]!, sums[0]!, target)
  }
  const sums = sumOf(window, windowMs, nowMs)
  const [requests, bad] = [sums[0]!, sums[field]!]
  const spent = burnOf(bad, requests, target)
  const pace = burnWithin(HOUR)
  const alert = burnRules.find(({ burn, longMs, shortMs }) => burnWithin(longMs) >= burn && burnWithin(shortMs) >= burn)
  return {
    kind,
    target,
    windowMs,
    requests,
    bad,
    budgetLeft: 1 - spent,
    ...(pace > 0 && { exhaustedInMs: (Math.max(0, 1 - spent) * windowMs) / pace }),
    burn: Object.fromEntries(burnWindows.map(([name, spanMs]) => [name, burnWithin(spanMs)])),
    ...(alert && { alert }),
  }
}

export interface Burning {
  rule: Omit<BurnRule, 'severity'>
  burnLong: number
  burnShort: number
  bad: number
  all: number
  restBad: number
  restAll: number
}

/** Fewer bad requests than this do not make a burn rate. */
const BAD_MIN = 3
/** A candidate's share of all bad requests must be rarer than this by chance, were the others as bad. */
const LN_CHANCE_MAX = Math.log(1e-7)

/**
 * The absolute guard: a version that burns its budget over a long and a short window, while the others do not burn as it does.
 * Against chance at low traffic: that so many of the bad requests were its own must be less likely than 1e-7 (Chernoff's bound).
 */
export function burning(
  own: Window,
  others: readonly Window[],
  bad: Bad,
  target: number,
  nowMs: number,
): Burning | undefined {
  for (const rule of shiftRules) {
    // The short window first: it is cheap to sum, and mostly well.
    const short = bad(own, rule.shortMs, nowMs)
    const burnShort = burnOf(short.bad, short.all, target)
    if (burnShort < rule.burn) continue
    const long = bad(own, rule.longMs, nowMs)
    const burnLong = burnOf(long.bad, long.all, target)
    if (long.bad < BAD_MIN || burnLong < rule.burn) continue
    let [restBad, restAll] = [0, 0]
    for (const other of others) {
      const rest = bad(other, rule.longMs, nowMs)
      restBad += rest.bad
      restAll += rest.all
    }
    const burns = { rule, burnLong, burnShort, bad: long.bad, all: long.all, restBad, restAll }
    if (lnChance(burns) <= LN_CHANCE_MAX) return burns
  }
  return undefined
}

/** Reads bad and all requests of a span out of a version's window. */
export type Bad = (window: Window, spanMs: number, nowMs: number) => { bad: number; all: number }

/** Upper bound of ln P(at least `bad` of all bad requests fall on the candidate), were it as good as the others. */
function lnChance({ bad, all, restBad, restAll }: Burning): number {
  const share = all / (all + restAll)
  const part = bad / (bad + restBad)
  if (restAll === 0 || part <= share) return 0
  const tail = part < 1 ? (1 - part) * Math.log((1 - part) / (1 - share)) : 0
  return -(bad + restBad) * (part * Math.log(part / share) + tail)
}

/** Every version burns over both windows: the cause is common to them. Returns the smallest burn among them. */
export function commonBurn(versions: readonly Window[], bad: Bad, target: number, nowMs: number): number | undefined {
  const rule = shiftRules[0]!
  let least = Number.POSITIVE_INFINITY
  for (const version of versions) {
    const short = bad(version, rule.shortMs, nowMs)
    if (short.bad < BAD_MIN || burnOf(short.bad, short.all, target) < rule.burn) return undefined
    const long = bad(version, rule.longMs, nowMs)
    const burn = Math.min(burnOf(long.bad, long.all, target), burnOf(short.bad, short.all, target))
    if (burn < rule.burn) return undefined
    least = Math.min(least, burn)
  }
  return versions.length > 0 ? least : undefined
}
