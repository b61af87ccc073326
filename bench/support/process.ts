import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter } from 'node:path'

/** Proxies have one core; load, endpoints and the sink share another, so that neither takes the other's time. */
export const PROXY_CORE = 0
export const LOAD_CORE = 1

/** A program under measurement: pinned to a core, with the CPU time of all its threads and children. */
export interface Measured {
  readonly pid: number
  /** CPU seconds used so far. */
  cpuSeconds(): number
  rssBytes(): number
  stop(): Promise<void>
}

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK']).toString())

export async function start(
  command: readonly string[],
  options: { core: number; cwd?: string; env?: NodeJS.ProcessEnv; ready: { host: string; port: number } },
): Promise<Measured> {
  const child = spawn('taskset', ['-c', String(options.core), ...command], {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: options.cwd,
    env: options.env ?? process.env,
  })
  let said = ''
  child.stderr!.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4000)
  })
  await accepting(child, options.ready, () => said)
  return {
    pid: child.pid!,
    cpuSeconds: () => family(child.pid!).reduce((sum, pid) => sum + cpuOf(pid), 0),
    rssBytes: () => family(child.pid!).reduce((sum, pid) => sum + rssOf(pid), 0),
    stop: () =>
      new Promise(resolve => {
        const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
        child.once('exit', () => {
          clearTimeout(timer)
          resolve()
        })
        child.kill('SIGTERM')
      }),
  }
}

/** The path of a program by its variable (TRIMTAB_WRK for wrk), or on PATH; undefined when it is not there. */
export function programOf(name: string): string | undefined {
  const told = process.env[`TRIMTAB_${name.toUpperCase()}`]
  if (told !== undefined) return existsSync(told) ? told : undefined
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  return folders.map(folder => `${folder}/${name}`).find(path => existsSync(path))
}

/** Debian's. */
const packages = { wrk: 'wrk', nginx: 'nginx-light', h2load: 'nghttp2', nghttpd: 'nghttp2' }

/** The paths of what a benchmark cannot do without; where one is missing it is skipped, not failed: this ends the process. */
export function programsOrSkip<const Name extends keyof typeof packages>(
  bench: string,
  names: readonly Name[],
): Record<Name, string> {
  const found = names.map(name => [name, programOf(name)] as const)
  if (found.some(([, path]) => path === undefined)) {
    const wanted = [...new Set(names.map(name => packages[name]))].join(' ')
    console.log(`${bench} is skipped: ${names.join(', ')} are needed (apt-get install ${wanted})`)
    process.exit(0)
  }
  return Object.fromEntries(found) as Record<Name, string>
}

async function accepting(
  child: ChildProcess,
  { host, port }: { host: string; port: number },
  said: () => string,
): Promise<void> {
  const until = performance.now() + 20_000
  while (performance.now() < until) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} ended: ${said()}`)
    const open = await new Promise<boolean>(resolve => {
      const socket = connect({ host, port })
      socket.once('connect', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
    if (open) return
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new Error(`${child.spawnargs.join(' ')} does not listen on ${port}: ${said()}`)
}

function family(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap(task =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  )
  return [pid, ...children.flatMap(family)]
}

function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

function rssOf(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib ?? 0) * 1024
}
