import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { afterEach, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { listen } from '../../runtime/address.ts'
import { until } from '../support/until.ts'

/** The collector in its own process, with a Zipkin that does what a test wants behind it. */

interface Addresses {
  zipkin: string
  health: string
  telemetry: string
}
const started: ChildProcess[] = []
const servers: Server[] = []
const directories: string[] = []
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise(resolve => child.once('exit', resolve))
      child.kill('SIGTERM')
      await gone
    }
  }
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

function dataDirectory(): string {
  const directory = mkdtempSync(`${tmpdir()}/trimtab-collector-`)
  directories.push(directory)
  return directory
}

async function collector(data: string, ...flags: string[]): Promise<{ child: ChildProcess; at: Addresses }> {
  const base = [
    'cli/trimtab.ts',
    'collector',
    '--data',
    data,
    '--log-level',
    'error',
    '--zipkin',
    '127.0.0.1:0',
    '--health',
    '127.0.0.1:0',
    '--telemetry',
    '127.0.0.1:0',
  ]
  const child = spawn(process.execPath, [...base, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  started.push(child)
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve)
    child.once('exit', code => reject(new Error(`the collector ended with ${code}`)))
  })
  return { child, at: (JSON.parse(line) as { addresses: Addresses }).addresses }
}

/** A Zipkin that remembers the ids of what it took; `answer` decides about each post. */
async function zipkin(answer: () => number): Promise<{ url: string; ids: Set<string>; posts: () => number }> {
  const ids = new Set<string>()
  let posts = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      posts++
      response.statusCode = answer()
      if (response.statusCode < 300)
        for (const { id } of JSON.parse(Buffer.concat(chunks).toString()) as { id: string }[]) ids.add(id)
      response.end()
    })
  })
  servers.push(server)
  const { port } = await listen(server, { host: '127.0.0.1', port: 0 })
  return { url: `http://127.0.0.1:${port}`, ids, posts: () => posts }
}

let counter = 0
const nextId = () => (++counter).toString(16).padStart(16, '0')
const spanOf = (id: string) => ({
  traceId: `aaaaaaaaaaaaaaaa${id}`,
  id,
  name: 'get',
  timestamp: Date.now() * 1000,
  duration: 10,
  localEndpoint: { serviceName: 'web' },
})
const post = (at: Addresses, body: string | Buffer, headers: Record<string, string> = {}) =>
  fetch(`http://${at.zipkin}/api/v2/spans`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: body as unknown as string,
  })
const metric = async (at: Addresses, name: string): Promise<number> => {
  const text = await (await fetch(`http://${at.telemetry}/metrics`)).text()
  return [
    ...text.matchAll(new RegExp(`^trimtab_collector_${name}(?:\\{[^}]*signal="span"[^}]*\\})? (\\S+)$`, 'gm')),
  ].reduce((sum, [, value]) => sum + Number(value), 0)
}

test('killed with -9 under load, it loses no span that it acknowledged', { timeout: 120_000 }, async () => {
  const data = dataDirectory()
  let requests = 0
  const sink = await zipkin(() => (++requests % 5 === 0 ? 503 : 202))
  const acknowledged: string[] = []
  for (let round = 0; round < 3; round++) {
    const { child, at } = await collector(data, '--clickhouse', 'off', '--jaeger', sink.url)
    const enough = acknowledged.length + 2000
    const sender = async (): Promise<void> => {
      while (acknowledged.length < enough) {
        const ids = Array.from({ length: 20 }, nextId)
        try {
          if ((await post(at, JSON.stringify(ids.map(spanOf)))).status === 202) acknowledged.push(...ids)
        } catch {
          return
        }
      }
    }
    const senders = Array.from({ length: 8 }, sender)
    await until(
      'spans acknowledged',
      () => acknowledged.length,
      count => count > enough - 1000,
    )
    child.kill('SIGKILL')
    await Promise.all(senders)
  }
  await collector(data, '--clickhouse', 'off', '--jaeger', sink.url)
  await until(
    'every acknowledged span at the sink',
    () => acknowledged.filter(id => !sink.ids.has(id)).length,
    missing => missing === 0,
    60_000,
  )
  assert.ok(acknowledged.length > 3000)
})

test('a dead Jaeger costs nothing: spans wait, /ready says so, and they go out when it is back', async () => {
  let alive = false
  const sink = await zipkin(() => (alive ? 202 : 500))
  const { at } = await collector(dataDirectory(), '--clickhouse', 'off', '--jaeger', sink.url)
  const ids = Array.from({ length: 30 }, nextId)
  assert.equal((await post(at, JSON.stringify(ids.map(spanOf)))).status, 202)
  const ready = async () =>
    (await (await fetch(`http://${at.health}/ready`)).json()) as {
      ready: boolean
      checks: Record<string, { ok: boolean; detail: string }>
    }
  const told = await until('jaeger told on /ready', ready, ({ checks }) => checks['jaeger']?.ok === false)
  assert.equal(told.ready, true, 'what can flow flows')
  assert.match(told.checks['jaeger']!.detail, /500.*30 spans wait/)
  alive = true
  await until(
    'all out',
    () => ids.filter(id => !sink.ids.has(id)).length,
    missing => missing === 0,
  )
  await until(
    'the ledger is even',
    async () => (await metric(at, 'shipper_shipped_total')) - 30,
    rest => rest === 0,
  )
})

test('a bad span costs only itself, and is named', async () => {
  const { at } = await collector(dataDirectory(), '--clickhouse', 'off')
  const good = nextId()
  const answer = await post(
    at,
    JSON.stringify([spanOf(good), { traceId: 'nonsense', id: '1' }, 5, { ...spanOf(nextId()), tags: { a: { b: 1 } } }]),
  )
  assert.equal(answer.status, 202)
  const body = (await answer.json()) as {
    accepted: number
    rejected: number
    spans: { index: number; reason: string }[]
  }
  assert.equal(body.accepted, 1)
  assert.deepEqual(
    body.spans.map(({ index }) => index),
    [1, 2, 3],
  )
  assert.match(body.spans[2]!.reason, /\/tags\/a/)
  assert.equal((await fetch(`http://${at.zipkin}/api/v2/trace/aaaaaaaaaaaaaaaa${good}`)).status, 200)
  assert.equal(
    (await metric(at, 'received_total')) - (await metric(at, 'accepted_total')) - (await metric(at, 'rejected_total')),
    0,
    'received = accepted + rejected',
  )
})

test('what is no array, no JSON, too large or a bomb is refused with its reason', async () => {
  const { at } = await collector(dataDirectory(), '--clickhouse', 'off', '--body-max', '1MiB')
  const refused = async (status: number, pattern: RegExp, body: string | Buffer, headers?: Record<string, string>) => {
    const answer = await post(at, body, headers)
    assert.equal(answer.status, status)
    assert.match(await answer.text(), pattern)
  }
  await refused(400, /array/, '{}')
  await refused(400, /not JSON/, '[{')
  await refused(413, /1048576|1 MiB|bytes/, `[${' '.repeat(2 * 1024 * 1024)}]`)
  await refused(413, /bytes/, gzipSync(Buffer.alloc(64 * 1024 * 1024, 32)), { 'content-encoding': 'gzip' })
  await refused(415, /content-type/, 'x', { 'content-type': 'application/x-thrift' })
  assert.equal(
    (await post(at, gzipSync(JSON.stringify([spanOf(nextId())])), { 'content-encoding': 'gzip' })).status,
    202,
  )
  assert.equal((await post(at, '')).status, 202)
})

test('a log at its limit answers 429 with Retry-After before anything is at risk, and recovers', async () => {
  let alive = false
  const sink = await zipkin(() => (alive ? 202 : 503))
  const { at } = await collector(dataDirectory(), '--clickhouse', 'off', '--jaeger', sink.url, '--disk-max', '256KiB')
  const acknowledged: string[] = []
  const send = async (): Promise<Response> => {
    const ids = Array.from({ length: 100 }, nextId)
    const answer = await post(at, JSON.stringify(ids.map(spanOf)))
    if (answer.status === 202) acknowledged.push(...ids)
    return answer
  }
  const full = await until('429', send, ({ status }) => status === 429)
  assert.ok(Number(full.headers.get('retry-after')) > 0)
  assert.match(await full.text(), /not shipped yet/)
  assert.equal((await fetch(`http://${at.health}/ready`)).status, 503)
  alive = true
  await until('room again', send, ({ status }) => status === 202)
  await until(
    'all out',
    () => acknowledged.filter(id => !sink.ids.has(id)).length,
    missing => missing === 0,
  )
})

test('spans, stored in the embedded ClickHouse, are found after a restart', { timeout: 120_000 }, async t => {
  const data = dataDirectory()
  const first = await collector(data)
  const checks = async (at: Addresses) =>
    (
      (await (await fetch(`http://${at.health}/ready`)).json()) as {
        checks: Record<string, { ok: boolean; detail: string }>
      }
    ).checks
  if (/cannot be loaded/.test((await checks(first.at))['clickhouse']?.detail ?? ''))
    return t.skip('the optional package chdb is not installed on this platform')
  const id = nextId()
  const child = {
    ...spanOf(nextId()),
    traceId: spanOf(id).traceId,
    parentId: id,
    name: 'select',
    localEndpoint: { serviceName: 'api' },
    tags: { error: 'boom' },
  }
  assert.equal((await post(first.at, JSON.stringify([spanOf(id), child]))).status, 202)
  await until(
    'stored',
    () => metric(first.at, 'shipper_shipped_total'),
    count => count >= 2,
  )
  first.child.kill('SIGKILL')
  const { at } = await collector(data)
  const path = (rest: string) => `http://${at.zipkin}${rest}`
  const spans = await until(
    'the trace',
    async () => (await fetch(path(`/api/v2/trace/${child.traceId}`))).json() as Promise<unknown>,
    found => Array.isArray(found) && found.length === 2,
  )
  assert.deepEqual((spans as { id: string }[]).map(span => span.id).sort(), [id, child.id].sort())
  assert.deepEqual(await (await fetch(path('/api/v2/services'))).json(), ['api', 'web'])
  const found = (await (
    await fetch(path('/api/v2/traces?serviceName=api&annotationQuery=error%3Dboom'))
  ).json()) as unknown[]
  assert.equal(found.length, 1)
  const jaeger = (await (await fetch(path(`/api/traces/${child.traceId}`))).json()) as { data: { spans: unknown[] }[] }
  assert.equal(jaeger.data[0]!.spans.length, 2)
  assert.deepEqual(await (await fetch(path('/api/v2/dependencies'))).json(), [
    { parent: 'web', child: 'api', callCount: 1, errorCount: 1 },
  ])
})
