import { type Measurement, medianOf, usPerRequestOf } from './contenders.ts'
import { printTable } from './table.ts'

export interface CpuTable {
  title: string
  measurements: readonly Measurement[]
  /** What the CPU is told in multiples of, each in a column of its own. */
  bases: readonly { head: string; of: Measurement }[]
  /** Names of a contender's processes, where each has its column. */
  processes?: readonly string[]
}

/** CPU per request in figures and multiples, beside what else should be seen: the rate, the memory afterwards, and what failed. */
export function tellCpu({ title, measurements, bases, processes = [] }: CpuTable): void {
  const us = (measurement: Measurement) => medianOf(measurement, usPerRequestOf)
  printTable(
    [title, 'CPU us/request', ...processes, ...bases.map(({ head }) => head), 'requests/s', 'RSS MiB', 'failed'],
    measurements.map(one => [
      one.contender.name,
      us(one).toFixed(1),
      ...processes.map((_, index) => medianOf(one, ({ usPerRequest }) => usPerRequest[index]!).toFixed(1)),
      ...bases.map(({ of }) => (us(one) / us(of)).toFixed(2)),
      medianOf(one, ({ load }) => load.requests / load.seconds).toFixed(0),
      (one.contender.processes.reduce((sum, measured) => sum + measured.rssBytes(), 0) / 1048576).toFixed(0),
      String(one.rounds.reduce((sum, { load }) => sum + load.failed, 0)),
    ]),
  )
}
