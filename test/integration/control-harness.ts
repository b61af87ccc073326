import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ControlSettings } from '../../control/config.ts'
import { type Control, createControl } from '../../control/control.ts'
import type { Decision } from '../../protocol/decision.ts'
import { bucketOf } from '../../protocol/sketch.ts'
import type { Registration, Upstream } from '../../protocol/snapshot.ts'
import type { Reporter, TickRow } from '../../protocol/tick.ts'
import { systemClock } from '../../runtime/clock.ts'
import { type Log, silentLog } from '../../runtime/log.ts'
import { lineSplitter } from '../../runtime/ndjson.ts'

/** A collector whose ticks the test makes. */
export interface FakeCollector {
  url: string
  tick(rows: TickRow[], reporters?: Reporter[]): void
  /** Decisions that control shipped here. */
  decisions: Decision[]
  /** Ends all live streams and refuses new ones, or takes them again. */
  away(is: boolean): void
  streams(): number
}

const hello = `${JSON.stringify({ protocol: 1, program: 'collector', version: '0.0.0' })}\n`

export async function fakeCollector(t: TestContext): Promise<FakeCollector> {
  const streams = new Set<ServerResponse>()
  const decisions: Decision[] = []
  let away = false
  let seq = 0
  const server = createServer(async (request, response) => {
    if (away) return void request.socket.destroy()
    if (request.url === '/live') {
      response.write(hello)
      streams.add(response)
      response.on('close', () => streams.delete(response))
      return
    }
    let body = ''
    for await (const chunk of request) body += chunk
    decisions.push(
      ...body
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as Decision),
    )
    response.writeHead(202).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    decisions,
    streams: () => streams.size,
    away(is) {
      away = is
      if (is) for (const stream of streams) stream.destroy()
    },
    tick(rows, reporters = [reporter('report-1', 1)]) {
      const time = new Date().toISOString()
      const line = `${JSON.stringify({ seq: seq++, time, intervalMs: 250, rows, reporters, missing: [] })}\n`
      for (const stream of streams) stream.write(line)
    },
  }
}

export function reporter(instance: string, epoch: number): Reporter {
  return { instance, service: 'report', version: 'v2', kind: 'sidecar', epoch, silentMs: 0 }
}

/** What report saw of one version of expense in a tick: the caller's row, and one for each endpoint. */
export function seen(version: string, endpoints: readonly string[], requests: number, errors: number): TickRow[] {
  const row = (endpoint: string, share: number): TickRow => ({
    source: 'report',
    upstream: 'expense',
    version,
    endpoint,
    route: '',
    requests: requests / share,
    ok: (requests - errors) / share,
    errors: { http5xx: errors / share, gateway: 0, reset: 0, timeout: 0 },
    clientErrors: 0,
    retries: 0,
    rescued: 0,
    inFlight: 1,
    fusedBy: 0,
    knownBy: 1,
    sketch: [bucketOf(10_000), requests / share],
    traces: errors > 0 && endpoint === '' ? ['463ac35c9f6413ad48485a3953bb6124'] : [],
  })
  return [row('', 1), ...endpoints.map(endpoint => row(endpoint, endpoints.length))]
}

/** A tick in which v2 fails altogether, with a tenth of the requests; and one in which all is well. */
export const failing = () => [...seen('v1', ['e1a', 'e1b'], 180, 0), ...seen('v2', ['e2a', 'e2b'], 20, 20)]
export const healthy = () => [...seen('v1', ['e1a', 'e1b'], 180, 0), ...seen('v2', ['e2a', 'e2b'], 20, 0)]

export const meshFile = `
mesh: demo
services:
  report:
    versions: { v2: { weight: 100 } }
  expense:
    versions: { v1: { weight: 90 }, v2: { weight: 10 } }
    slo: { availability: 99.9% }
    allow: [{ from: report }]
gateways:
  edge: { listen: 127.0.0.1:8080, routes: [{ match: { pathPrefix: / }, to: { service: report } }] }
`

export interface Place {
  data: string
  config: string
  write(text: string): void
}

export function place(t: TestContext): Place {
  const folder = mkdtempSync(join(tmpdir(), 'trimtab-control-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const config = join(folder, 'mesh.yaml')
  writeFileSync(config, meshFile)
  return { data: join(folder, 'data'), config, write: text => writeFileSync(config, text) }
}

export interface StartedControl extends Control {
  base: string
}

/** Control in this process, on a free port. */
export async function startControl(
  t: TestContext,
  at: Place,
  collectors: readonly string[],
  changes: Partial<ControlSettings> = {},
  log: Log = silentLog,
): Promise<StartedControl> {
  const control = await createControl(
    {
      config: at.config,
      data: at.data,
      listen: { host: '127.0.0.1', port: 0 },
      collector: [...collectors],
      spansUrl: undefined,
      logLevel: 'silent',
      logFormat: 'json',
      untilParentGone: false,
      doors: 'open-loopback',
      dc: 'dc1',
      caSecret: undefined,
      caCertificate: undefined,
      caPrivateKey: undefined,
      caRoot: undefined,
      certificateLifetime: 3_600_000,
      renewalGrace: 86_400_000,
      rotationPatience: 600_000,
      joinTokenFile: undefined,
      joinTokenFor: [],
      collectorTokenFile: undefined,
      readerTokenFile: undefined,
      newAdminToken: false,
      ...changes,
    },
    { clock: systemClock, random: () => 0.5, log },
  )
  t.after(() => control.close())
  return { ...control, base: `http://${control.addresses.api}` }
}

/** A stream of JSON lines as it comes. */
export interface Lines<T> {
  all: T[]
  /** The first line, from `after` on, that fits; waits for it. Rejects when the stream ends before. */
  until(fits: (line: T) => boolean, after?: number): Promise<T>
  readonly ended: Promise<void>
  close(): void
}

export async function follow<T>(t: TestContext, url: string): Promise<Lines<T>> {
  const request = get(url, { agent: false })
  t.after(() => request.destroy())
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  assert.equal(response.statusCode, 200, `${url}: ${response.statusCode}`)
  const all: T[] = []
  const waiting = new Set<() => void>()
  const look = () => {
    for (const wake of waiting) wake()
  }
  const splitter = lineSplitter(
    1e8,
    line => all.push(JSON.parse(line) as T),
    () => {},
  )
  let over = false
  response.on('data', chunk => {
    splitter.feed(chunk)
    look()
  })
  const ended = new Promise<void>(resolve =>
    response.on('close', () => {
      over = true
      look()
      resolve()
    }),
  )
  response.on('error', () => {})
  return {
    all,
    ended,
    close: () => request.destroy(),
    until(fits, after = 0) {
      return new Promise((resolve, reject) => {
        const wake = () => {
          const found = all.slice(after).find(fits)
          if (found === undefined && !over) return
          waiting.delete(wake)
          if (found === undefined) reject(new Error(`the stream ended after ${JSON.stringify(all.slice(-3))}`))
          else resolve(found)
        }
        waiting.add(wake)
        wake()
      })
    },
  }
}

export interface SnapshotLineRead {
  /** The greeting has none. */
  epoch?: number
  sections?: Record<string, { version: number; value: Upstream } | null>
}

export async function proxyStream(
  t: TestContext,
  base: string,
  registration: Partial<Registration> & { instance: string },
): Promise<Lines<SnapshotLineRead>> {
  const whole = { service: 'expense', version: 'v1', kind: 'sidecar', address: '127.0.0.1:20000', ...registration }
  return await follow<SnapshotLineRead>(t, `${base}/v1/snapshots?${new URLSearchParams(whole)}`)
}

/** Two endpoints of each version of expense, and the caller; gives the caller's stream once it knows all four. */
export async function demoProxies(t: TestContext, base: string): Promise<Lines<SnapshotLineRead>> {
  for (const [instance, version] of [
    ['e1a', 'v1'],
    ['e1b', 'v1'],
    ['e2a', 'v2'],
    ['e2b', 'v2'],
  ] as const)
    await proxyStream(t, base, { instance, version })
  const caller = await proxyStream(t, base, { instance: 'report-1', service: 'report', version: 'v2' })
  await caller.until(line => upstreamOf(line)?.endpoints.length === 4)
  return caller
}

export function upstreamOf(line: SnapshotLineRead): Upstream | undefined {
  return line.sections?.['upstream/expense']?.value
}

export function weightsOf(line: SnapshotLineRead): Record<string, number> | undefined {
  const versions = upstreamOf(line)?.versions
  return versions && Object.fromEntries(Object.entries(versions).map(([version, { weight }]) => [version, weight]))
}

/** Makes ticks, one each few milliseconds, until what is waited for has come. */
export async function whileTicking<T>(collector: FakeCollector, rows: () => TickRow[], wanted: Promise<T>): Promise<T> {
  const timer = setInterval(() => collector.tick(rows()), 20)
  try {
    return await wanted
  } finally {
    clearInterval(timer)
  }
}

/** Asks again until the answer fits. */
export async function eventually<T>(ask: () => Promise<T> | T, fits: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (fits(answer)) return answer
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

export async function ask<T>(base: string, path: string): Promise<T> {
  return (await (await fetch(`${base}${path}`)).json()) as T
}

export async function post(base: string, path: string, body: unknown): Promise<{ status: number; body: Answer }> {
  const response = await fetch(`${base}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Answer }
}

export interface Answer {
  error?: string
  message?: string
  hint?: string
  decisions?: Decision[]
}
