import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { LoadResult } from './wrk.ts'

const run = promisify(execFile)

export interface Http2Load {
  core: number
  clients: number
  /** At once on each connection. */
  streams: number
  seconds: number
  /** A file of URIs, asked one after the other. */
  uris: string
  host: string
}

/** Loads with h2load over HTTP/2 in clear text; an answer that is not 2xx counts as failed. */
export async function h2load(program: string, load: Http2Load): Promise<LoadResult> {
  const shape = ['-t1', `-c${load.clients}`, `-m${load.streams}`, `-D${load.seconds}`]
  const what = ['-i', load.uris, '-H', `:authority: ${load.host}`]
  const { stdout } = await run('taskset', ['-c', String(load.core), program, ...shape, ...what])
  const took = /finished in ([\d.]+)(m?s)/.exec(stdout)
  const done = /requests: \d+ total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed/.exec(stdout)
  const codes = /status codes: (\d+) 2xx/.exec(stdout)
  if (took === null || done === null || codes === null) throw new Error(`h2load said: ${stdout}`)
  return {
    requests: Number(done[1]),
    // What is under way when time is over has a status, and is not done.
    failed: Math.max(0, Number(done[1]) - Number(codes[1])) + Number(done[2]),
    seconds: Number(took[1]) / (took[2] === 'ms' ? 1000 : 1),
  }
}
