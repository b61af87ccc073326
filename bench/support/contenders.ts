import type { Measured } from './process.ts'
import { median } from './table.ts'
import type { EmptyWorld } from './world.ts'
import type { LoadResult } from './wrk.ts'

/** One of what a benchmark compares: a proxy, or several in a row. */
export interface Contender {
  readonly name: string
  /** Where the load goes. */
  readonly port: number
  readonly processes: readonly Measured[]
}

export interface Contenders extends AsyncDisposable {
  readonly all: readonly Contender[]
  /** Starts one on a port of its own; the first is what the others are compared with. */
  add(name: string, launch: (port: number) => Promise<Measured | readonly Measured[]>): Promise<Contender>
}

export interface Round<Result extends LoadResult = LoadResult> {
  load: Result
  /** CPU of each of the contender's processes. */
  usPerRequest: readonly number[]
}

export interface Measurement<Result extends LoadResult = LoadResult> {
  contender: Contender
  /** Of the load that it was warmed up with, the first that it saw unless others came before. */
  warming: Result
  rounds: Round<Result>[]
}

export interface Plan {
  /** Of each load once, before anything is measured. */
  warmSeconds: number
  seconds: number
  rounds: number
}

export type Load<Result extends LoadResult> = (contender: Contender, seconds: number) => Promise<Result>

export function contendersIn(world: Pick<EmptyWorld, 'take'>): Contenders {
  const all: Contender[] = []
  return {
    all,
    async add(name, launch) {
      const port = await world.take()
      const contender = { name, port, processes: [await launch(port)].flat() }
      all.push(contender)
      return contender
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(all.flatMap(({ processes }) => processes.map(one => one.stop())))
    },
  }
}

/**
 * Puts each load on each contender in turn, round by round, so that what the machine does besides meets all of them alike. Returns, for
 * each load, a measurement of each contender.
 */
export async function measureInRounds<Result extends LoadResult>(
  contenders: readonly Contender[],
  { warmSeconds, seconds, rounds }: Plan,
  loads: readonly Load<Result>[],
): Promise<Measurement<Result>[][]> {
  const measured = loads.map((): Measurement<Result>[] => [])
  for (const contender of contenders)
    for (const [index, load] of loads.entries())
      measured[index]!.push({ contender, warming: await load(contender, warmSeconds), rounds: [] })
  for (let round = 0; round < rounds; round++)
    for (const [index, load] of loads.entries())
      for (const one of measured[index]!)
        one.rounds.push(await measureOnce(one.contender, () => load(one.contender, seconds)))
  return measured
}

async function measureOnce<Result extends LoadResult>(
  { processes }: Contender,
  load: () => Promise<Result>,
): Promise<Round<Result>> {
  const before = processes.map(one => one.cpuSeconds())
  const result = await load()
  const usPerRequest = processes.map((one, index) => ((one.cpuSeconds() - before[index]!) * 1e6) / result.requests)
  return { load: result, usPerRequest }
}

/** The median over the rounds. */
export function medianOf<Result extends LoadResult>(
  { rounds }: Measurement<Result>,
  value: (round: Round<Result>) => number,
): number {
  return median(rounds.map(value))
}

/** CPU of all processes together. */
export function usPerRequestOf({ usPerRequest }: Round): number {
  return usPerRequest.reduce((sum, us) => sum + us, 0)
}
