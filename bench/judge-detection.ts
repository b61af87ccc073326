/**
 * How soon the judge sees a version fail, and what it costs until then, on generated traffic (seeded, so every run prints the same).
 * `node bench/judge-detection.ts [--trials 100]`
 *
 * A tick is 250 ms; the decision is counted at the end of the tick in which it was made, its way to the proxies is not in here
 * (bench/shift.ts measures that end to end). Beside it what Flagger and Argo Rollouts need at their fastest settings for the same fault:
 * constants out of this project's design (its chapter on judging traffic), simulated there, not measured in this run.
 */
import { parseArgs } from 'node:util'
import { createWorld, TICK_MS, type WorldSettings } from '../test/unit/control/judge/traffic.ts'
import { median, printTable } from './support/table.ts'

const { values } = parseArgs({ options: { trials: { type: 'string', default: '100' } } })
const trials = Number(values.trials)
const CALM_TICKS = 240
const TICKS_MAX = 4800

interface Case {
  name: string
  ratePerSecond: number
  candidate: number
  share: number
  callers: number
  fuse: boolean
  /** Seconds and failed requests, as the design states them. */
  flagger?: [number, number]
  argo?: [number, number]
}

const big = { ratePerSecond: 1000, candidate: 10 }
const small = { ratePerSecond: 20, candidate: 50 }
const cases: Case[] = [
  { name: 'total failure', ...big, share: 1, callers: 20, fuse: false, flagger: [18, 1800], argo: [10.5, 1050] },
  { name: 'total failure', ...big, share: 1, callers: 1, fuse: true, flagger: [18, 1800], argo: [10.5, 1050] },
  { name: 'total failure', ...big, share: 1, callers: 20, fuse: true, flagger: [18, 1800], argo: [10.5, 1050] },
  { name: '20 % errors', ...big, share: 0.2, callers: 20, fuse: true },
  { name: '5 % errors', ...big, share: 0.05, callers: 20, fuse: true, flagger: [28, 138], argo: [18, 91] },
  { name: '2 % errors', ...big, share: 0.02, callers: 20, fuse: true },
  { name: 'total failure', ...small, share: 1, callers: 2, fuse: true },
  { name: 'total failure', ...small, share: 1, callers: 2, fuse: false },
  { name: '20 % errors', ...small, share: 0.2, callers: 2, fuse: true },
]

const rows = cases.map(each => {
  const { ticks, failed, others } = measure(each)
  return [
    each.name,
    `${each.ratePerSecond} rps, ${each.candidate} %`,
    `${each.callers} ${each.fuse ? 'with fuse' : 'no fuse'}`,
    `${median(ticks)} / ${ticks.at(-1)!}`,
    `${(median(ticks) * TICK_MS) / 1000} s`,
    `${median(failed)} / ${failed.at(-1)!}`,
    String(others),
    told(each.flagger),
    told(each.argo),
  ]
})
console.log(`${trials} seeded trials each, 0.1 % base errors; median / worst`)
printTable(
  ['fault of v2', 'traffic', 'callers', 'ticks', 'median', 'failed requests', 'other moves', 'Flagger', 'Argo'],
  rows,
)
console.log(
  '\nother moves: decisions before it, or about a host. Flagger, Argo: seconds / failed requests at their fastest, from the design.',
)

function measure(of: Case): { ticks: number[]; failed: number[]; others: number } {
  const ticks: number[] = []
  const failed: number[] = []
  let others = 0
  for (let seed = 1; seed <= trials; seed++) {
    const settings: WorldSettings = {
      seed,
      ratePerSecond: of.ratePerSecond,
      versions: { v1: { weight: 100 - of.candidate, endpoints: 2 }, v2: { weight: of.candidate, endpoints: 2 } },
      callers: of.callers,
      fuse: of.fuse,
      failing: (version, _endpoint, tick) => (version === 'v2' && tick > CALM_TICKS ? of.share : 0.001),
    }
    const world = createWorld(settings)
    world.run(CALM_TICKS)
    const before = world.failed.get('v2') ?? 0
    const isShift = ({ action, version }: { action: string; version?: string }) =>
      action === 'shift' && version === 'v2'
    ticks.push(world.run(TICKS_MAX, () => world.log.some(isShift)))
    failed.push((world.failed.get('v2') ?? 0) - before)
    others += world.log.filter(proposal => !isShift(proposal)).length
  }
  const rising = (a: number, b: number) => a - b
  return { ticks: ticks.sort(rising), failed: failed.sort(rising), others }
}

function told(figures: [number, number] | undefined): string {
  return figures ? `${figures[0]} s / ${figures[1]}` : '-'
}
