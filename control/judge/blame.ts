import { lnChoose } from './fuse.ts'

/**
 * Host or version? Something of a version fails more than it may; the failures either stand on some of its endpoints while the rest of
 * it is as good as everybody else (hosts), or they are spread over it (version). Both stories are weighed by likelihood over the same
 * counts; with few requests neither wins, and the judge waits for more.
 */
export interface EndpointCounts {
  id: string
  bad: number
  all: number
}

export type Blame =
  | { on: 'version'; lnRatio: number }
  | { on: 'hosts'; hosts: string[]; lnRatio: number }
  | { on: 'undecided'; hosts: string[]; lnRatio: number }

/** Natural logarithm of the likelihood ratio that settles it: 150 to 1 for hosts, as their story has more ways to fit; 5 to 1 for the version. */
const HOSTS_SETTLED = 5
const VERSION_SETTLED = 1.5

/**
 * Blames the version or some of its endpoints. `rest`: what everybody else showed at the same time. An endpoint without requests takes
 * no side. A version with one endpoint is to blame itself: there is no telling them apart, and its traffic has to leave either way.
 * Failures on more than half of the endpoints are the version's.
 */
export function blame(endpoints: readonly EndpointCounts[], rest: { bad: number; all: number }): Blame {
  if (endpoints.length <= 1) return { on: 'version', lnRatio: Number.MAX_VALUE }
  const asked = endpoints.filter(({ all }) => all > 0).sort((a, b) => shareOf(b) - shareOf(a) || b.bad - a.bad)
  const restShare = (rest.bad + 0.5) / (rest.all + 1)
  const whole = lnLikelihood(asked, shareOf(sum(asked)))
  let best: { hosts: EndpointCounts[]; lnRatio: number } | undefined
  for (let count = 1; count <= Math.min(asked.length, Math.floor(endpoints.length / 2)); count++) {
    const hosts = asked.slice(0, count)
    if (hosts.at(-1)!.bad === 0) break
    const others = asked.slice(count)
    // The hosts were picked by their counts out of many ways to pick: that luck is paid back.
    const luck = lnChoose(asked.length, count)
    const concentrated = lnLikelihood(hosts, shareOf(sum(hosts))) + lnLikelihood(others, restShare) - luck
    if (!best || concentrated - whole > best.lnRatio) best = { hosts, lnRatio: concentrated - whole }
  }
  if (!best || best.lnRatio < -VERSION_SETTLED) return { on: 'version', lnRatio: best ? -best.lnRatio : HOSTS_SETTLED }
  const hosts = best.hosts.map(({ id }) => id)
  return { on: best.lnRatio > HOSTS_SETTLED ? 'hosts' : 'undecided', hosts, lnRatio: best.lnRatio }
}

/** With half a request of each kind added: 3 of 3 is 88 %, not certainty. */
function shareOf({ bad, all }: { bad: number; all: number }): number {
  return (bad + 0.5) / (all + 1)
}

function sum(counts: readonly EndpointCounts[]): { bad: number; all: number } {
  let bad = 0
  let all = 0
  for (const each of counts) {
    bad += each.bad
    all += each.all
  }
  return { bad, all }
}

function lnLikelihood(counts: readonly EndpointCounts[], share: number): number {
  const { bad, all } = sum(counts)
  return bad * Math.log(share) + (all - bad) * Math.log(1 - share)
}
