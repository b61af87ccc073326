import { readFileSync } from 'node:fs'

/** What a process weighs, in bytes. */
export interface Footprint {
  /** All of its memory that is resident, the program text included that other processes of the same program share. */
  rss: number
  /** The same, each shared page by its share. */
  pss: number
  /** What no file is behind: heaps and stacks. */
  own: number
}

export function footprintOf(pid: number): Footprint {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const bytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1]) * 1024
  return { rss: bytes('Rss'), pss: bytes('Pss'), own: bytes('Anonymous') }
}
