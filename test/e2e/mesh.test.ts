import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { explained } from '../../cli/ask/explained.ts'
import type { Decision } from '../../protocol/decision.ts'
import type { Explanation } from '../../proxy/route/explain.ts'
import { type RunningMesh, startMesh } from '../support/mesh.ts'
import { until } from '../support/until.ts'

/** The whole way on real processes: what a person does with curl after `npm start`. */

const TRIP = '/api/report/trip/d7fd4bf6-aeb9-45a0-b671-85dfc4d095aa'
const VERSION = '/api/report/expense/version'

interface Span {
  traceId: string
  id: string
  parentId?: string
  kind?: string
  name: string
  localEndpoint: { serviceName: string }
  tags: Record<string, string>
}

let mesh: RunningMesh
before(async () => {
  mesh = await startMesh(['--rate', '40'])
})
after(async () => {
  await mesh?.close()
})

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${mesh.urls['gateway']}${path}`, { headers })
const trace = async (id: string): Promise<Span[]> => {
  const answer = await fetch(`${mesh.urls['collector']}/api/v2/trace/${id}`)
  return answer.ok ? ((await answer.json()) as Span[]) : []
}
/** Gateway, report's proxy in and out, expense's proxy in: four hops; report: two spans; expense: server and database. */
const wholeTrace = (id: string) =>
  until(
    `the whole trace ${id}`,
    () => trace(id),
    spans => spans.some(({ name }) => name.startsWith('SELECT')) && spans.length >= 8,
  )
const apps = (service: string, version: string) =>
  mesh.processes.filter(process => process.kind === 'app' && process.service === service && process.version === version)
const setFault = async (url: string, errorRate: number) => {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ errorRate, delayMs: 0 }),
  })
  assert.equal(answer.status, 200, await answer.text())
}
const decisions = async (): Promise<Decision[]> =>
  ((await (await fetch(`${mesh.urls['control']}/v1/decisions?limit=100`)).json()) as { decisions: Decision[] })
    .decisions
const expense = async () => (await mesh.status()).services.find(({ service }) => service === 'expense')!
const version = async (name: string) => (await expense()).versions.find(found => found.version === name)!

test('a mesh that has just come up has failed nobody: no error budget is burnt by its start', async () => {
  const promised = (await mesh.status()).services.flatMap(({ slo }) => slo)
  const broken = promised.filter(({ kind, bad }) => kind === 'availability' && bad > 0)
  assert.equal(promised.length, 4)
  assert.deepEqual(broken, [])
})

test('a trip is answered through gateway, report and expense', async () => {
  const answer = await get(TRIP)
  assert.equal(answer.status, 200)
  const body = (await answer.json()) as { tripId: string; numberOfExpenses: number; expenses: unknown[] }
  assert.equal(body.tripId, 'd7fd4bf6-aeb9-45a0-b671-85dfc4d095aa')
  assert.equal(body.numberOfExpenses, body.expenses.length)
})

test('both versions of expense answer in the shares of their weights', async () => {
  const seen = new Map<string, number>()
  for (let i = 0; i < 200; i++) {
    const body = (await (await get(VERSION)).text()).trim()
    seen.set(body, (seen.get(body) ?? 0) + 1)
  }
  assert.deepEqual([...seen.keys()].sort(), ['v1', 'v2'])
  for (const [name, count] of seen)
    assert.ok(
      count > 60 && count < 140,
      `${name} answered ${count} of 200: a fair coin does so less than once in ten million runs`,
    )
})

test('one trace holds the spans of proxies and applications, each below the one that called it', async () => {
  const id = (await get(TRIP)).headers.get('x-trimtab-trace-id')!
  const spans = await wholeTrace(id)
  const byId = new Map(spans.map(span => [span.id, span]))
  const database = spans.find(({ name }) => name.startsWith('SELECT'))!
  const way: string[] = []
  for (
    let span: Span | undefined = database;
    span !== undefined;
    span = span.parentId === undefined ? undefined : byId.get(span.parentId)
  ) {
    way.unshift(
      `${span.localEndpoint.serviceName} ${span.tags['component'] === 'proxy' ? 'proxy' : 'app'}${span.kind === undefined ? '' : ` ${span.kind}`}`,
    )
  }
  assert.deepEqual(way, [
    'edge proxy SERVER',
    'report proxy SERVER',
    'report app SERVER',
    'report app CLIENT',
    'report proxy CLIENT',
    'expense proxy SERVER',
    'expense app SERVER',
    'expense app CLIENT',
  ])
})

test('proxies and control speak to the collector over TLS; in clear text come the spans of applications', async () => {
  const { urls } = mesh.process('collector')
  const clearText = async (route: string): Promise<number> => {
    const text = await (await fetch(urls['metrics']!)).text()
    const series = new RegExp(
      `^trimtab_collector_clear_text_requests_total\\{route="${route}",outcome="taken"\\} (\\d+)$`,
      'm',
    )
    return Number(series.exec(text)?.[1] ?? 0)
  }
  assert.ok((await clearText('/api/v2/spans')) > 0)
  for (const route of ['/v1/reports', '/v1/decisions', '/live']) assert.equal(await clearText(route), 0, route)
})

for (const [format, headers] of [
  ['b3', (id: string) => ({ b3: `${id}-00f067aa0ba902b7-1` })],
  ['x-b3-*', (id: string) => ({ 'x-b3-traceid': id, 'x-b3-spanid': '00f067aa0ba902b7', 'x-b3-sampled': '1' })],
  ['traceparent', (id: string) => ({ traceparent: `00-${id}-00f067aa0ba902b7-01` })],
] as const) {
  test(`a request that comes with ${format} continues that trace to the database`, async () => {
    const id = [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('')
    const answer = await get(TRIP, headers(id))
    assert.equal(answer.headers.get('x-trimtab-trace-id'), id)
    const spans = await wholeTrace(id)
    assert.ok(
      spans.some(
        ({ parentId, localEndpoint }) => parentId === '00f067aa0ba902b7' && localEndpoint.serviceName === 'edge',
      ),
      "the gateway's span is the caller's child",
    )
  })
}

test("a trace is told in Jaeger's words too", async () => {
  const id = (await get(TRIP)).headers.get('x-trimtab-trace-id')!
  await wholeTrace(id)
  const { data } = (await (await fetch(`${mesh.urls['collector']}/api/traces/${id}`)).json()) as {
    data: { traceID: string; spans: { references: unknown[] }[]; processes: Record<string, { serviceName: string }> }[]
  }
  assert.equal(data[0]!.traceID, id)
  assert.deepEqual(
    new Set(Object.values(data[0]!.processes).map(({ serviceName }) => serviceName)),
    new Set(['edge', 'report', 'expense']),
  )
})

test("a sidecar's /metrics holds the proxy's families and its application's, each once", async () => {
  const sidecar = mesh.processes.find(process => process.kind === 'sidecar' && process.service === 'report')!
  const text = await (await fetch(sidecar.urls['metrics']!)).text()
  for (const family of [
    'envoy_cluster_upstream_rq_total',
    'envoy_cluster_upstream_rq_time',
    'http_requests_total',
    'process_cpu_user_seconds_total',
    'trimtab_scrape_source_up',
  ]) {
    assert.equal(text.match(new RegExp(`^# TYPE ${family} `, 'gm'))?.length, 1, family)
  }
  assert.match(text, /trimtab_scrape_source_up\{source="app"\} 1/)
})

test('headers choose the version as the routes say, and explain says the same', async () => {
  for (let i = 0; i < 10; i++)
    assert.equal((await (await get(VERSION, { 'x-request-id': `abc-${i}` })).text()).trim(), 'v2')
  const sidecar = mesh.processes.find(process => process.kind === 'sidecar' && process.service === 'report')!
  const explanation = (await (
    await fetch(`${sidecar.urls['admin']}/explain?url=http://expense/api&header=x-request-id:abc`)
  ).json()) as Explanation
  assert.equal(explanation.status, 'routed')
  assert.deepEqual(explanation.status === 'routed' && explanation.versions, { v2: 1 })
})

test('trimtab explain says who lets a call in, and that a gateway goes by its routes alone', async () => {
  const control = { url: mesh.urls['control']!, token: undefined }
  const asked = { method: 'GET', url: TRIP, headers: [], claims: undefined }
  const { call } = await explained(control, { ...asked, from: 'edge', to: undefined })
  assert.deepEqual([call?.service, call?.verdict], ['report', 'allow'])
  await assert.rejects(
    explained(control, { ...asked, from: 'edge', to: 'expense' }),
    /leads GET \S+ to report, not to expense: leave --to out/,
  )
})

test('a path that no route names is answered 404 with its reason, and tells an outsider no address', async () => {
  const answer = await get('/nowhere')
  assert.equal(answer.status, 404)
  assert.equal(answer.headers.get('x-trimtab-reason'), 'no-route')
  assert.doesNotMatch(await answer.text(), /127\.0\.0\.1/)
})

test('a host that fails is ejected, its version keeps its weight, and it comes back', async () => {
  const host = apps('expense', 'v1')[0]!
  const before = (await version('v1')).weight
  await setFault(host.urls['faults']!, 1)
  try {
    const health = async () => (await expense()).endpoints.find(({ id }) => id === host.instance)?.health
    await until(`${host.instance} ejected`, health, found => found === 'ejected')
    assert.equal((await version('v1')).weight, before)
    const decision = (await decisions()).find(
      ({ action, endpoint }) => action === 'eject' && endpoint === host.instance,
    )!
    assert.match(decision.reason, /./)
    assert.ok(Object.keys(decision.evidence).length > 0)
  } finally {
    await setFault(host.urls['faults']!, 0)
  }
})

test('a version that fails loses its weight at every proxy, with a reason and traces that exist', async () => {
  const faults = apps('expense', 'v2').map(({ urls }) => urls['faults']!)
  await Promise.all(faults.map(url => setFault(url, 1)))
  try {
    await until(
      'weight 0 of expense v2',
      () => version('v2'),
      ({ weight }) => weight === 0,
    )
    for (const { urls } of mesh.processes.filter(
      process => process.kind === 'sidecar' && process.service === 'report',
    )) {
      const share = async () =>
        (
          (await (await fetch(`${urls['admin']}/explain?url=http://expense/api`)).json()) as {
            versions: Record<string, number>
          }
        ).versions['v2'] ?? 0
      await until('share 0 at the proxy', share, found => found === 0)
    }
    const decision = (await decisions()).find(({ action, version }) => action === 'shift' && version === 'v2')!
    assert.equal((decision.to as Record<string, number>)['v2'], 0)
    assert.ok(decision.observed >= decision.threshold, `${decision.observed} >= ${decision.threshold}`)
    assert.ok(decision.traces.length > 0)
    for (const id of decision.traces)
      await until(
        `trace ${id}`,
        () => trace(id),
        spans => spans.length > 0,
      )
  } finally {
    await Promise.all(faults.map(url => setFault(url, 0)))
  }
  await until(
    'expense v2 back at its full weight',
    () => version('v2'),
    ({ stage }) => stage === 'full',
    120_000,
  )
})

test('control killed with -9: traffic flows with the last weights; it comes back where it was', async () => {
  const before = await mesh.status()
  const counted = await decisions()
  process.kill(mesh.process('control').pid!, 'SIGKILL')
  let asked = 0
  await until(
    'control back, every proxy with it',
    async () => {
      asked++
      assert.equal((await get(VERSION)).status, 200)
      return mesh.status()
    },
    status =>
      status.data !== 'dark' && status.proxies.known === before.proxies.known && status.proxies.notInStep.length === 0,
  )
  const now = await mesh.status()
  assert.ok(asked > 5)
  assert.ok(now.epoch >= before.epoch, 'the epoch never goes back')
  const kept = await decisions()
  for (const decision of counted)
    assert.ok(
      kept.some(({ id, time }) => id === decision.id && time === decision.time),
      `decision ${decision.id} is kept`,
    )
})

test('the collector killed with -9: traffic flows, and what it acknowledged is still there when it is back', async () => {
  const id = (await get(TRIP)).headers.get('x-trimtab-trace-id')!
  const known = (await wholeTrace(id)).length
  process.kill(mesh.process('collector').pid!, 'SIGKILL')
  await until(
    'the collector back',
    async () => {
      assert.equal((await get(VERSION)).status, 200)
      return fetch(`${mesh.urls['collector']}/api/v2/services`)
    },
    answer => answer.ok,
  )
  await until(
    'the trace again',
    () => trace(id),
    spans => spans.length >= known,
  )
})
