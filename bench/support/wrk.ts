import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { LOAD_CORE } from './process.ts'

export interface LoadResult {
  requests: number
  failed: number
  seconds: number
}

const run = promisify(execFile)

export interface WrkLoad {
  port: number
  path: string
  connections: number
  seconds: number
}

/** Loads a port as host `backend` with wrk over keep-alive connections; a dead connection or an answer that is not 2xx counts as failed. */
export async function wrk(program: string, { port, path, connections, seconds }: WrkLoad): Promise<LoadResult> {
  const shape = ['-t1', `-c${connections}`, `-d${seconds}s`, '-H', 'Host: backend']
  const url = `http://127.0.0.1:${port}${path}`
  const { stdout } = await run('taskset', ['-c', String(LOAD_CORE), program, ...shape, url])
  const done = /(\d+) requests in ([\d.]+)(m?s)/.exec(stdout)
  if (done === null) throw new Error(`wrk said: ${stdout}`)
  const errors = /Non-2xx or 3xx responses: (\d+)/.exec(stdout)
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)
  const broken = sockets === null ? 0 : sockets.slice(1).reduce((sum, count) => sum + Number(count), 0)
  return {
    requests: Number(done[1]),
    failed: Number(errors?.[1] ?? 0) + broken,
    seconds: Number(done[2]) / (done[3] === 'ms' ? 1000 : 1),
  }
}
