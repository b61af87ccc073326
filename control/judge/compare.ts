import type { Bad } from './guard.ts'
import type { Trial } from './sequential.ts'
import { type EndpointState, type Kind, playingVersions, presentEndpoints, type ServiceState } from './service.ts'
import { failuresIn } from './tally.ts'
import { sumOf, type Window } from './windows.ts'

/** A window's bad requests, by kind. */
export function badOf(kind: Kind): Bad {
  return (window, spanMs, nowMs) => {
    const sums = sumOf(window, spanMs, nowMs)
    return { bad: kind === 'slow' ? sums[6]! : failuresIn(sums), all: sums[0]! }
  }
}

/** Windows of the versions that it is compared with. */
export function othersOf(service: ServiceState, name: string): Window[] {
  return playingVersions(service).flatMap(([other, { window }]) => (other === name ? [] : [window]))
}

/** What the other versions showed within a span, added up. */
export function restOfVersions(
  service: ServiceState,
  name: string,
  kind: Kind,
  nowMs: number,
): (spanMs: number) => { bad: number; all: number } {
  const windows = othersOf(service, name)
  const read = badOf(kind)
  return spanMs => {
    const sum = { bad: 0, all: 0 }
    for (const window of windows) {
      const { bad, all } = read(window, spanMs, nowMs)
      sum.bad += bad
      sum.all += all
    }
    return sum
  }
}

/** Endpoints that are compared: registered, healthy, of a version that carries traffic. */
export function playingEndpoints(service: ServiceState): [id: string, endpoint: EndpointState][] {
  const versions = new Set(playingVersions(service).map(([name]) => name))
  return presentEndpoints(service).filter(([, { version, health }]) => health.at === 'healthy' && versions.has(version))
}

/** What the healthy endpoints other than these showed within a span. */
export function restOf(
  service: ServiceState,
  ids: readonly string[],
  nowMs: number,
  spanMs: number,
  field: 1 | 2 = 1,
): { bad: number; all: number } {
  let [bad, all] = [0, 0]
  for (const [id, { window }] of playingEndpoints(service)) {
    if (ids.includes(id)) continue
    const sums = sumOf(window, spanMs, nowMs)
    bad += sums[field]!
    all += sums[0]!
  }
  return { bad, all }
}

export function trialEvidence({ bad, all, restBad, restAll }: Trial): Record<string, number> {
  return { bad, requests: all, 'bad of the others': restBad, 'requests of the others': restAll }
}
