import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { LOAD_CORE } from './process.ts'
import type { LoadResult } from './wrk.ts'

const run = promisify(execFile)

export interface Http2Load {
  port: number
  /** Connections. */
  clients: number
  /** At once on each connection. */
  streams: number
  seconds: number
  /** For the list of what is asked. */
  folder: string
  /** Default: /trip. */
  path?: string
}

const URIS = 500

/** Loads with h2load over HTTP/2 in clear text; an answer that is not 2xx counts as failed. */
export async function h2load(program: string, load: Http2Load): Promise<LoadResult> {
  return runH2load(program, load, [`-D${load.seconds}`])
}

/** One run of the same over `path`?id=..., each address another one, with what else it is told. */
export async function runH2load(
  program: string,
  { port, clients, streams, folder, path = '/trip' }: Omit<Http2Load, 'seconds'>,
  more: readonly string[],
): Promise<LoadResult> {
  const uris = `${folder}/uris-${port}`
  writeFileSync(
    uris,
    Array.from({ length: URIS }, (_, n) => `http://127.0.0.1:${port}${path}?id=${n * 7919}`).join('\n'),
  )
  const shape = ['-t1', `-c${clients}`, `-m${streams}`, ...more]
  const what = ['-i', uris, '-H', ':authority: backend']
  const { stdout } = await run('taskset', ['-c', String(LOAD_CORE), program, ...shape, ...what])
  const took = /finished in ([\d.]+)(m?s)/.exec(stdout)
  const done = /requests: \d+ total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed/.exec(stdout)
  const codes = /status codes: (\d+) 2xx/.exec(stdout)
  if (took === null || done === null || codes === null) throw new Error(`h2load said: ${stdout}`)
  return {
    requests: Number(done[1]),
    // Its own count takes 3xx for success; what is under way when time is over has a status, and is not done.
    failed: Math.max(Number(done[2]), Number(done[1]) - Number(codes[1])),
    seconds: Number(took[1]) / (took[2] === 'ms' ? 1000 : 1),
  }
}
