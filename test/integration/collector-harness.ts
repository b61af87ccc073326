import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { listen } from '../../runtime/address.ts'

/** Collectors in processes of their own, and what stands behind them; all of it ends with the test that made it. */
export interface Bench {
  directory(): string
  collector(data: string, ...flags: string[]): Promise<Started>
  sink(answer: () => number): Promise<Sink>
  end(): Promise<void>
}

export interface Started {
  child: ChildProcess
  zipkin: string
  health: string
  telemetry: string
}

/** A Zipkin that remembers the ids of the spans it took. */
export interface Sink {
  url: string
  ids: Set<string>
}

export function bench(): Bench {
  const children: ChildProcess[] = []
  const servers: Server[] = []
  const directories: string[] = []
  return {
    directory() {
      const made = mkdtempSync(`${tmpdir()}/trimtab-collector-`)
      directories.push(made)
      return made
    },
    async collector(data, ...flags) {
      const addresses = ['--zipkin', '127.0.0.1:0', '--health', '127.0.0.1:0', '--telemetry', '127.0.0.1:0']
      const all = ['cli/trimtab.ts', 'collector', '--data', data, '--log-level', 'error', ...addresses, ...flags]
      const child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'inherit'] })
      children.push(child)
      const line = await new Promise<string>((resolve, reject) => {
        createInterface({ input: child.stdout! }).once('line', resolve)
        child.once('exit', code => reject(new Error(`the collector ended with ${code}`)))
      })
      return { child, ...(JSON.parse(line) as { addresses: Omit<Started, 'child'> }).addresses }
    },
    async sink(answer) {
      const ids = new Set<string>()
      const server = createServer((request, response) => {
        const chunks: Buffer[] = []
        request.on('data', (chunk: Buffer) => chunks.push(chunk))
        request.on('end', () => {
          response.statusCode = answer()
          if (response.statusCode < 300)
            for (const { id } of JSON.parse(Buffer.concat(chunks).toString()) as { id: string }[]) ids.add(id)
          response.end()
        })
      })
      servers.push(server)
      const { port } = await listen(server, { host: '127.0.0.1', port: 0 })
      return { url: `http://127.0.0.1:${port}`, ids }
    },
    async end() {
      await Promise.all(children.splice(0).map(ended))
      for (const server of servers.splice(0)) {
        server.closeAllConnections()
        server.close()
      }
      for (const made of directories.splice(0)) rmSync(made, { recursive: true, force: true })
    },
  }
}

function ended(child: ChildProcess): Promise<unknown> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  return gone
}

let spans = 0
export const nextId = () => (++spans).toString(16).padStart(16, '0')

export function spanOf(id: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  const localEndpoint = { serviceName: 'web' }
  return {
    traceId: `aaaaaaaaaaaaaaaa${id}`,
    id,
    name: 'get',
    timestamp: Date.now() * 1000,
    duration: 10,
    localEndpoint,
    ...fields,
  }
}

export function postSpans({ zipkin }: Started, list: readonly unknown[]): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return fetch(`http://${zipkin}/api/v2/spans`, { method: 'POST', headers, body: JSON.stringify(list) })
}

export async function json<T>(url: string): Promise<T> {
  const answer = await fetch(url)
  assert.equal(answer.status, 200, `${url}: ${answer.status}`)
  return (await answer.json()) as T
}

export type ReadyBody = { ready: boolean; checks: Record<string, { ok: boolean; detail: string; required: boolean }> }

export async function readiness({ health }: Started): Promise<ReadyBody> {
  return (await (await fetch(`http://${health}/ready`)).json()) as ReadyBody
}

/** The sum of a metric's series whose labels include these; 0 when there is none. */
export async function metric(
  { telemetry }: Started,
  name: string,
  labels: Record<string, string> = {},
): Promise<number> {
  const text = await (await fetch(`http://${telemetry}/metrics`)).text()
  let sum = 0
  for (const line of text.split('\n')) {
    const series = /^trimtab_collector_([a-z0-9_]+)(\{[^}]*\})? (\S+)$/.exec(line)
    if (series?.[1] !== name) continue
    if (Object.entries(labels).every(([label, value]) => series[2]?.includes(`${label}="${value}"`)))
      sum += Number(series[3])
  }
  return sum
}

/** True when this platform's ClickHouse library is there, as the collector tells. */
export async function hasEngine(collector: Started): Promise<boolean> {
  return !/cannot be loaded/.test((await readiness(collector)).checks['clickhouse']?.detail ?? '')
}

/** The processes that a process started. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
}
