import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { stringify } from 'yaml'
import type { Status } from '../../control/api/status-schema.ts'
import type { Decision } from '../../protocol/decision.ts'
import { forTest, readCompose } from '../support/compose-file.ts'
import { type Engine, startEngine, whyNoEngine } from '../support/docker-engine.ts'
import { buildClickHouse, buildJaeger, buildNodeBase, buildPrometheus, buildTrimtab } from '../support/docker-images.ts'
import { until } from '../support/until.ts'

/**
 * docker-compose.yml in a real Docker engine. Nothing is pulled: see test/support/docker-images.ts for what stands in for what. The
 * first run on a machine makes a Debian, which takes a minute more.
 */
const skip = whyNoEngine()
const compose = readCompose()
const trip = '/api/report/trip/d7fd4bf6-aeb9-45a0-b671-85dfc4d095aa'
const hosts = ['expense-v2-5', 'expense-v2-6']

let engine: Engine
let file: string
let jaeger: { query: string }

before(async () => {
  if (skip) return
  engine = await startEngine()
  const image = (service: string) => compose.services[service]!.image
  buildNodeBase(engine, 'node:24-bookworm-slim')
  buildTrimtab(engine, image('control'))
  buildPrometheus(engine, image('prometheus'))
  jaeger = buildJaeger(engine, image('jaeger'), image('control'))
  buildClickHouse(engine, image('clickhouse'), image('control'))
  file = `${engine.folder}/docker-compose.yml`
  writeFileSync(file, stringify(forTest(compose), { aliasDuplicateObjects: false }))
  engine.compose(file, ['up', '-d'])
})

after(async () => {
  if (file !== undefined) engine.compose(file, ['down', '-v', '-t', '6'])
  await engine?.close()
})

/** The address that the engine gave to a published port. */
const published = (service: string, port: number) =>
  `http://${engine.compose(file, ['port', service, String(port)]).trim()}`

async function json<T>(url: string, token?: string): Promise<T> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return (await (await fetch(url, { headers, signal: AbortSignal.timeout(10_000) })).json()) as T
}

/** Asks control, whose doors are shut, as the one who started it. */
function askControl<T>(path: string): Promise<T> {
  const token = engine.compose(file, ['exec', '-T', 'control', 'cat', '/data/admin-token']).trim()
  return json<T>(published('control', 8500) + path, token)
}

/** Runs a script in a container, where names and loopback are the container's. */
const within = (service: string, script: string) =>
  engine.compose(file, ['exec', '-T', service, 'node', '--input-type=module', '-e', script])

const ask = (service: string, url: string, body?: string) =>
  within(
    service,
    `const answer = await fetch(${JSON.stringify(url)}, ${JSON.stringify(body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body })})
     process.stdout.write(await answer.text())`,
  )

interface Container {
  Names: string
  Status: string
}
const containers = () =>
  engine
    .docker(['ps', '-a', '--format', '{{json .}}'])
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Container)

test('every container comes up, and those with a health check become healthy', { skip }, async () => {
  const checked = Object.values(forTest(compose).services).filter(({ healthcheck }) => healthcheck !== undefined)
  const seen = await until(
    'health',
    containers,
    all => all.filter(({ Status }) => Status.includes('(healthy)')).length === checked.length,
    120_000,
  )
  assert.equal(seen.length, Object.keys(forTest(compose).services).length)
  assert.deepEqual(
    seen.filter(({ Status }) => !Status.startsWith('Up')),
    [],
  )
})

test('the gateway answers through the sidecars of both services, each version in its turn', { skip }, async () => {
  const gateway = published('gateway', 8080)
  const answers = await Promise.all(
    Array.from({ length: 40 }, async () =>
      (await (await fetch(`${gateway}/api/report/expense/version`)).text()).trim(),
    ),
  )
  assert.deepEqual([...new Set(answers)].sort(), ['v1', 'v2'])
  assert.equal((await json<{ numberOfExpenses: number }>(gateway + trip)).numberOfExpenses, 4)
})

test('one trace joins the spans of proxies and applications, at Jaeger and in ClickHouse', { skip }, async () => {
  const answer = await fetch(published('gateway', 8080) + trip)
  const id = answer.headers.get('x-trimtab-trace-id')!
  assert.equal(answer.status, 200, await answer.text())
  interface Spans {
    data: { spans: { spanID: string; references: { spanID: string }[] }[]; processes: Record<string, unknown> }[] | null
  }
  const traces = await until(
    'the trace at Jaeger',
    () => JSON.parse(ask('control', `${jaeger.query}/api/traces/${id}`)) as Spans,
    ({ data }) => data?.[0]?.spans.length === 8,
  )
  const spans = traces.data![0]!.spans
  const ids = new Set(spans.map(({ spanID }) => spanID))
  const roots = spans.filter(({ references }) => !references.some(({ spanID }) => ids.has(spanID)))
  assert.equal(roots.length, 1, 'every span but the gateway’s has its parent in the trace')
  await until(
    'the spans in ClickHouse',
    () => ask('clickhouse', 'http://127.0.0.1:8123/', `SELECT count() FROM trimtab.spans WHERE traceId = '${id}'`),
    count => count.trim() === '8',
  )
})

test('Prometheus reaches every merged endpoint through control, and our rules work on them', { skip }, async () => {
  const prometheus = published('prometheus', 9090)
  interface Targets {
    data: { activeTargets: { scrapeUrl: string; health: string; lastError: string }[] }
  }
  const { data } = await until(
    'the targets',
    () => json<Targets>(`${prometheus}/api/v1/targets`),
    ({ data: { activeTargets } }) => activeTargets.length === 9 && activeTargets.every(({ health }) => health === 'up'),
    60_000,
  )
  assert.equal(data.activeTargets.filter(({ scrapeUrl }) => scrapeUrl.endsWith(':20200/metrics')).length, 7)
  const query = encodeURIComponent('trimtab:upstream_requests:rate1m > 0')
  await until(
    'the recorded rates',
    () => json<{ data: { result: unknown[] } }>(`${prometheus}/api/v1/query?query=${query}`),
    answer => answer.data.result.length === 4,
    60_000,
  )
  const rules = await json<{ data: { groups: { rules: { name: string; health: string }[] }[] } }>(
    `${prometheus}/api/v1/rules`,
  )
  for (const { name, health } of rules.data.groups.flatMap(group => group.rules)) assert.equal(health, 'ok', name)
})

test('control is shut to whoever shows no token, and its commands find theirs in its container', { skip }, async () => {
  assert.equal((await fetch(`${published('control', 8500)}/v1/status`)).status, 401)
  assert.match(engine.compose(file, ['exec', '-T', 'control', 'node', 'cli/trimtab.ts', 'status']), /expense/)
})

test('who comes to a sidecar in clear text is told that it speaks mTLS', { skip }, () => {
  const answers = within(
    'report-v2-1',
    `const plain = await fetch('http://expense-v1-3:20000/api')
     process.stdout.write(plain.status + ' ' + (await plain.text()))`,
  )
  assert.match(answers, /^400 .*speaks mTLS of the mesh/s)
})

test('an application that is started again serves on, behind the same sidecar', { skip }, async () => {
  engine.compose(file, ['restart', '-t', '5', 'expense-v1-3-app'])
  await until(
    'the application',
    () => ask('expense-v1-3', 'http://127.0.0.1:5001/health'),
    text => text.includes('healthy'),
  )
  const endpoint = await until(
    'requests at that host',
    async () =>
      (await askControl<Status>('/v1/status')).services
        .flatMap(({ endpoints }) => endpoints)
        .find(({ id }) => id === 'expense-v1-3'),
    found => found?.connected === true && found.health === 'healthy' && found.requests > found.errors,
    60_000,
  )
  assert.equal(endpoint?.connected, true)
})

test('a version that fails loses its traffic by itself, with a reason and traces that exist', { skip }, async () => {
  const faults = (errorRate: number) => {
    for (const host of hosts) ask(host, 'http://127.0.0.1:5001/faults', JSON.stringify({ errorRate, delayMs: 0 }))
  }
  faults(1)
  try {
    await until(
      'weight 0',
      () => askControl<Status>('/v1/status'),
      ({ services }) =>
        services.find(({ service }) => service === 'expense')?.versions.find(({ version }) => version === 'v2')
          ?.weight === 0,
      60_000,
    )
    const { decisions } = await askControl<{ decisions: Decision[] }>('/v1/decisions?service=expense&limit=50')
    const shift = decisions.find(({ action, version }) => action === 'shift' && version === 'v2')
    assert.ok(shift !== undefined && shift.reason !== '' && shift.traces.length > 0, JSON.stringify(decisions[0]))
    await until(
      'a trace of the evidence',
      () => ask('control', `http://collector:9411/api/v2/trace/${shift.traces[0]}`),
      text => text.startsWith('[{'),
    )
  } finally {
    faults(0)
  }
})

test('every program ends in order when it is told to', { skip }, () => {
  engine.compose(file, ['stop', '-t', '6'])
  const codes = engine
    .docker(['ps', '-aq', '--filter', 'ancestor=trimtab'])
    .trim()
    .split('\n')
    .map(id =>
      engine.docker(['inspect', '--format', '{{.Name}} {{.Config.StopSignal}} {{.State.ExitCode}}', id]).trim(),
    )
    .filter(line => !line.includes('SIGKILL'))
  assert.ok(codes.length >= 16)
  assert.deepEqual(
    codes.filter(line => !line.endsWith(' 0')),
    [],
  )
})
