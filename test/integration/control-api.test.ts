import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Check } from 'typebox/value'
import { Status } from '../../control/api/status-schema.ts'
import {
  ask,
  demoProxies,
  eventually,
  fakeCollector,
  follow,
  healthy,
  meshFile,
  place,
  post,
  proxyStream,
  startControl,
  upstreamOf,
  weightsOf,
} from './control-harness.ts'

const timeout = 30_000

test('the status fits its schema, with traffic, and each second of the live stream is one', { timeout }, async t => {
  const collector = await fakeCollector(t)
  const control = await startControl(t, place(t), [collector.url])
  await demoProxies(t, control.base)
  await eventually(collector.streams, streams => streams === 1)
  collector.tick(healthy())

  const status = await eventually(
    () => ask<Status>(control.base, '/v1/status'),
    ({ calls }) => calls.length > 0,
  )

  assert.ok(Check(Status, status), 'fits')
  assert.deepEqual([status.mesh, status.proxies.known], ['demo', 5])
  assert.deepEqual(
    status.calls.map(({ source, upstream, traffic }) => [source, upstream, traffic.requests, traffic.rps]),
    [['report', 'expense', 200, 800]],
  )
  const live = await follow<Status>(t, `${control.base}/v1/live`)
  assert.ok(Check(Status, await live.until(line => 'services' in line)))
})

test('the OpenAPI document names every route, and its references lead somewhere', { timeout }, async t => {
  const control = await startControl(t, place(t), [])
  type Operation = { operationId: string; summary: string; responses: Record<string, unknown> }
  type Document = { openapi: string; paths: Record<string, Record<string, Operation>>; components: { schemas: object } }

  const document = await ask<Document>(control.base, '/openapi.json')

  assert.equal(document.openapi, '3.1.0')
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  )
  for (const path of [
    'get /v1/snapshots',
    'get /v1/status',
    'get /v1/decisions',
    'get /v1/decisions/stream',
    'get /v1/live',
    'get /v1/config',
    'get /v1/prometheus/targets',
    'get /ready',
    'get /metrics',
    'post /v1/services/{service}/weights',
    'post /v1/services/{service}/unpin',
    'post /v1/services/{service}/endpoints/{endpoint}/eject',
    'post /v1/services/{service}/endpoints/{endpoint}/restore',
    'delete /v1/instances/{instance}',
  ])
    assert.ok(
      operations.some(operation => `${operation.method} ${operation.path}` === path),
      path,
    )
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length)
  for (const { path, summary, responses } of operations) assert.ok(summary !== '' && '200' in responses, path)
  const references = JSON.stringify(document).match(/"#\/components\/schemas\/(\w+)"/g) ?? []
  assert.deepEqual([...new Set(references)], ['"#/components/schemas/Refusal"'])
  assert.deepEqual(Object.keys(document.components.schemas), ['Refusal'])
})

for (const [what, path, body, status, error] of [
  [
    'an unknown service',
    '/v1/services/nope/weights',
    { weights: { v1: 1 }, who: 'a', reason: 'b' },
    404,
    'unknown-service',
  ],
  [
    'an unknown version',
    '/v1/services/expense/weights',
    { weights: { v7: 1 }, who: 'a', reason: 'b' },
    404,
    'unknown-version',
  ],
  [
    'an unknown endpoint',
    '/v1/services/expense/endpoints/nope/eject',
    { who: 'a', reason: 'b' },
    404,
    'unknown-endpoint',
  ],
  [
    'a negative weight',
    '/v1/services/expense/weights',
    { weights: { v1: -1 }, who: 'a', reason: 'b' },
    400,
    'invalid-request',
  ],
  [
    'a weight of null',
    '/v1/services/expense/weights',
    { weights: { v1: null }, who: 'a', reason: 'b' },
    400,
    'invalid-request',
  ],
  ['no reason', '/v1/services/expense/weights', { weights: { v1: 1 }, who: 'a' }, 400, 'invalid-request'],
  ['an unknown field', '/v1/services/expense/unpin', { who: 'a', reason: 'b', pn: true }, 400, 'invalid-request'],
  [
    'a body that is too large',
    '/v1/services/expense/unpin',
    { who: 'a', reason: 'b'.repeat(70_000) },
    413,
    'body-too-large',
  ],
] as const)
  test(`${what} is refused with what happened and what to do, and nothing moves`, { timeout }, async t => {
    const control = await startControl(t, place(t), [])
    const before = await ask<{ epoch: number }>(control.base, '/v1/status')

    const answer = await post(control.base, path, body)

    assert.deepEqual([answer.status, answer.body.error], [status, error])
    assert.ok(answer.body.message && answer.body.hint)
    assert.equal((await ask<{ epoch: number }>(control.base, '/v1/status')).epoch, before.epoch)
  })

test('a body that is no JSON, an unknown route and a bad query are refused in the same shape', { timeout }, async t => {
  const control = await startControl(t, place(t), [])
  const json = { 'content-type': 'application/json' }
  const requests = [
    fetch(`${control.base}/v1/services/expense/unpin`, { method: 'POST', headers: json, body: '{' }),
    fetch(`${control.base}/v1/services/expense/unpin`, { method: 'POST', body: 'who=ann' }),
    fetch(`${control.base}/v1/nope`),
    fetch(`${control.base}/v1/decisions?limit=lots`),
    fetch(`${control.base}/v1/decisions?limit=1&limit=2`),
    fetch(`${control.base}/v1/snapshots?service=a&service=b`),
    fetch(`${control.base}/v1/instances/nobody`, { method: 'DELETE' }),
    fetch(`${control.base}/..%2f..%2fpackage.json`),
  ]
  for (const response of await Promise.all(requests)) {
    assert.ok(response.status >= 400 && response.status < 500, `${response.url}: ${response.status}`)
    const body = (await response.json()) as Record<string, unknown>
    assert.deepEqual(Object.keys(body).sort(), ['error', 'hint', 'message'])
  }
  assert.match(await (await fetch(`${control.base}/v1/nope`)).text(), /GET \/v1\/status/)
})

test('Prometheus is told of every proxy that has metrics', { timeout }, async t => {
  const control = await startControl(t, place(t), [])
  await proxyStream(t, control.base, { instance: 'e1', metrics: '127.0.0.1:20200' })
  await proxyStream(t, control.base, { instance: 'e2' })
  assert.deepEqual(await ask(control.base, '/v1/prometheus/targets'), [
    {
      targets: ['127.0.0.1:20200'],
      labels: { mesh: 'demo', service: 'expense', version: 'v1', instance: 'e1', kind: 'sidecar' },
    },
  ])
})

test('an unknown version of a known service joins with weight 0', { timeout }, async t => {
  const control = await startControl(t, place(t), [])
  await proxyStream(t, control.base, { instance: 'e9', version: 'v9' })
  const caller = await proxyStream(t, control.base, { instance: 'r1', service: 'report', version: 'v2' })
  const line = await caller.until(each => upstreamOf(each)?.endpoints.length === 1)
  assert.deepEqual(weightsOf(line), { v1: 90, v2: 10, v9: 0 })
})

test('a proxy that says goodbye is taken out at once', { timeout }, async t => {
  const control = await startControl(t, place(t), [])
  const caller = await demoProxies(t, control.base)
  const before = caller.all.length
  const gone = await fetch(`${control.base}/v1/instances/e1a`, { method: 'DELETE' })
  assert.equal(gone.status, 200)
  await caller.until(line => upstreamOf(line)?.endpoints.every(({ id }) => id !== 'e1a') === true, before)
})

test('of two streams of one instance the newer one is told', { timeout }, async t => {
  const control = await startControl(t, place(t), [])
  const older = await proxyStream(t, control.base, { instance: 'e1' })
  const newer = await proxyStream(t, control.base, { instance: 'e1', address: '127.0.0.1:20001' })
  await older.ended
  const line = await newer.until(each => upstreamOf(each)?.endpoints[0]?.address === '127.0.0.1:20001')
  assert.equal(upstreamOf(line)?.endpoints.length, 1)
})

test('a gateway is told of its routes and the services behind them', { timeout }, async t => {
  const control = await startControl(t, place(t), [])
  const gateway = await proxyStream(t, control.base, {
    instance: 'g1',
    service: 'edge',
    version: 'v1',
    kind: 'gateway',
  })
  const line = await gateway.until(each => each.sections !== undefined)
  assert.deepEqual(Object.keys(line.sections!).sort(), ['identity', 'listener', 'telemetry', 'upstream/report'])
})

test('a file that an editor replaces by a rename is read', { timeout }, async t => {
  const at = place(t)
  const control = await startControl(t, at, [])
  const caller = await demoProxies(t, control.base)
  for (const weight of [61, 62]) {
    writeFileSync(`${at.config}.new`, meshFile.replace('weight: 90', `weight: ${weight}`))
    renameSync(`${at.config}.new`, at.config)
    await caller.until(line => weightsOf(line)?.['v1'] === weight)
  }
})

test('what control counts of itself is there to be scraped', { timeout }, async t => {
  const collector = await fakeCollector(t)
  const control = await startControl(t, place(t), [collector.url])
  await demoProxies(t, control.base)
  await eventually(collector.streams, streams => streams === 1)
  const text = await (await fetch(`${control.base}/metrics`)).text()
  for (const line of [
    'trimtab_control_version_weight{service="expense",version="v2"} 10',
    'trimtab_control_endpoint_health{service="expense",version="v1",endpoint="e1a"} 1',
    'trimtab_control_slo_budget_left{service="expense",slo="availability"} 1',
    'trimtab_control_mesh_file_valid 1',
    'trimtab_control_state_writable 1',
    `trimtab_control_collector_connected{collector="${collector.url}"} 1`,
  ])
    assert.ok(text.includes(`${line}\n`), line)
})
