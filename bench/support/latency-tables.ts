import { type Measurement, medianOf, usPerRequestOf } from './contenders.ts'
import type { PacedResult } from './paced-h2load.ts'
import { percentile, printTable } from './table.ts'

type Paced = Measurement<PacedResult>

export interface LatencyTables {
  title: string
  /** Of the first seconds, which have a table for themselves. */
  warmSeconds: number
  measurements: readonly Paced[]
  /** The same load with no proxy between. */
  without: Paced
  /** What the others are told in multiples of. */
  base: Paced
}

const shares = { p50: 0.5, p90: 0.9, p99: 0.99, 'p99.9': 0.999 }
const heads = Object.keys(shares).flatMap(name => [`${name} us`, 'x'])

/** Three tables: latency once warm, what of it the proxies add, and latency in the first seconds after the start. */
export function tellLatency(tables: LatencyTables): void {
  tellWarm(tables)
  console.log('')
  tellAdded(tables)
  console.log('')
  tellFirstSeconds(tables)
}

function cells(one: Paced, base: Paced, us: (one: Paced, share: number) => number): string[] {
  return Object.values(shares).flatMap(share => {
    const own = us(one, share)
    return [own.toFixed(0), (own / us(base, share)).toFixed(2)]
  })
}

function latencyUs(measurement: Paced, share: number): number {
  return medianOf(measurement, ({ load: { latenciesUs } }) => percentile(latenciesUs, share))
}

function tellWarm({ title, measurements, without, base }: LatencyTables): void {
  const total = ({ rounds }: Paced, count: (result: PacedResult) => number) =>
    String(rounds.reduce((sum, round) => sum + count(round.load), 0))
  // That of an endpoint is no proxy's.
  const cpu = (one: Paced): string[] => {
    if (one === without) return ['', '']
    const us = medianOf(one, usPerRequestOf)
    return [us.toFixed(1), (us / medianOf(base, usPerRequestOf)).toFixed(2)]
  }
  printTable(
    [title, ...heads, 'CPU us/request', 'x', 'requests/s', 'late', 'failed'],
    measurements.map(one => [
      one.contender.name,
      ...cells(one, base, latencyUs),
      ...cpu(one),
      medianOf(one, round => round.load.requestsPerSecond).toFixed(0),
      total(one, result => result.late),
      total(one, result => result.failed),
    ]),
  )
}

function tellAdded({ measurements, without, base }: LatencyTables): void {
  const added = (one: Paced, share: number) => latencyUs(one, share) - latencyUs(without, share)
  printTable(
    ['what is added to no proxy', ...heads],
    measurements.filter(one => one !== without).map(one => [one.contender.name, ...cells(one, base, added)]),
  )
  console.log(`x: multiples of ${base.contender.name}. late: sent more than 20 ms behind the plan.`)
}

function tellFirstSeconds({ warmSeconds, measurements, base }: LatencyTables): void {
  const us = ({ warming }: Paced, share: number) => percentile(warming.latenciesUs, share)
  printTable(
    [`the first ${warmSeconds} s after the start`, ...heads],
    measurements.map(one => [one.contender.name, ...cells(one, base, us)]),
  )
}
