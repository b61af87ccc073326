import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { afterEach, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { bench, hasEngine, json, metric, nextId, postSpans, type Started, spanOf } from './collector-harness.ts'
import { absent, askStore, ended } from './collector-store-harness.ts'

const all = bench()
afterEach(() => all.end())

describe('the embedded ClickHouse', { timeout: 180_000 }, () => {
  it('keeps decisions and traffic for asking', async t => {
    const data = all.directory()
    const collector = await all.collector(data)
    if (!(await hasEngine(collector))) return t.skip(absent)
    // Within the retention: older rows are let go as soon as they come.
    const time = new Date().toISOString()
    const decision = {
      id: 7,
      time,
      service: 'expense',
      version: 'v2',
      action: 'shift',
      from: { v1: 50, v2: 50 },
      to: { v1: 100, v2: 0 },
      reason: "error odds 12 x stable; it's 'v2' \ud800",
      metric: 'errors',
      observed: 0.5,
      threshold: 1e6,
      evidence: { R: 3.1e6, errors: 12 },
      windowMs: 250,
      data: 'traffic',
      actor: 'judge',
      dryRun: false,
      traces: ['aa'],
      epoch: 3,
    }
    const post = (body: string) =>
      fetch(`http://${collector.zipkin}/v1/decisions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
    const answer = await post(JSON.stringify([decision, { ...decision, id: 'x' }, { ...decision, time: 'noon' }]))
    assert.equal(answer.status, 202)
    const said = (await answer.json()) as { accepted: number; decisions: { index: number; reason: string }[] }
    assert.equal(said.accepted, 1)
    assert.deepEqual(
      said.decisions.map(({ index }) => index),
      [1, 2],
    )
    assert.equal(
      (await post(`${JSON.stringify({ ...decision, id: 8 })}\n${JSON.stringify({ ...decision, id: 9 })}\n`)).status,
      202,
    )
    await until(
      'stored',
      () => metric(collector, 'shipper_shipped_total', { signal: 'decision' }),
      count => count === 3,
    )
    assert.equal(await metric(collector, 'shipper_rejected_total'), 0)

    const { port } = new URL(`http://${collector.zipkin}`)
    const { request } = await import('node:http')
    const stream = request({ port, path: '/v1/reports', method: 'POST' })
    stream.on('error', () => {})
    const errors = { http5xx: 2, gateway: 0, reset: 0, timeout: 0 }
    const row = {
      key: 1,
      requests: 9,
      ok: 7,
      errors,
      clientErrors: 0,
      retries: 0,
      rescued: 0,
      inFlight: 1,
      sketch: [5, 4, 9, 5],
    }
    const hello = {
      protocol: 1,
      program: 'proxy',
      version: '0',
      instance: 'i',
      service: 's',
      serviceVersion: 'v',
      kind: 'sidecar',
    }
    const keys = { 1: { source: 'gateway', upstream: 'expense', version: 'v2', endpoint: '', route: 'all' } }
    stream.write(
      `${JSON.stringify(hello)}\n${JSON.stringify({ seq: 0, intervalMs: 250, epoch: 1, keys, rows: [row] })}\n`,
    )
    await until(
      'merged',
      () => metric(collector, 'report_rows_total', { outcome: 'merged' }),
      count => count === 1,
    )
    await ended(collector, 'SIGTERM')

    const again = await all.collector(data)
    await until(
      'nothing waits',
      () => metric(again, 'shipper_queued', { shipper: 'clickhouse' }),
      queued => queued === 0,
    )
    await ended(again, 'SIGTERM')
    const decisions = await askStore<Record<string, unknown>>(
      data,
      'SELECT *, toUnixTimestamp64Milli(time) AS timeMs FROM trimtab.decisions ORDER BY id',
    )
    assert.deepEqual(
      decisions.map(({ id }) => Number(id)),
      [7, 8, 9],
    )
    assert.equal(Number(decisions[0]!['timeMs']), Date.parse(time))
    assert.equal(decisions[0]!['reason'], "error odds 12 x stable; it's 'v2' \ufffd")
    assert.deepEqual(JSON.parse(String(decisions[0]!['to'])), { v1: 100, v2: 0 })
    const [traffic] = await askStore<Record<string, unknown>>(
      data,
      'SELECT upstream, sum(requests) AS requests, sum(http5xx) AS errors, sumMap(sketchBuckets, sketchCounts) AS sketch FROM trimtab.traffic GROUP BY upstream',
    )
    assert.deepEqual(
      { ...traffic, requests: Number(traffic!['requests']), errors: Number(traffic!['errors']) },
      {
        upstream: 'expense',
        requests: 9,
        errors: 2,
        sketch: [
          [5, 9],
          [4, 5],
        ],
      },
    )
  })

  it('answers as Jaeger does: a trace, services, operations and searches, also by what nobody should get to run', async t => {
    const data = all.directory()
    const first = await all.collector(data)
    if (!(await hasEngine(first))) return t.skip(absent)
    const root = nextId()
    const traceId = `aaaaaaaaaaaaaaaa${root}`
    const evil = "x') OR 1=1 --\\'"
    const child = spanOf(nextId(), {
      traceId,
      parentId: root,
      kind: 'SERVER',
      name: 'get /expense',
      duration: 70_000,
      localEndpoint: { serviceName: 'expense' },
      tags: { error: 'boom', note: evil },
      annotations: [{ timestamp: Date.now() * 1000, value: 'cache miss' }],
    })
    assert.equal((await postSpans(first, [spanOf(root, { kind: 'CLIENT' }), child, spanOf(nextId())])).status, 202)
    const ask = async <T>(collector: Started, path: string) =>
      (await json<{ data: T }>(`http://${collector.zipkin}${path}`)).data
    const holds = async (collector: Started) => {
      const [trace] = await ask<{ traceID: string; spans: { spanID: string; references: { spanID: string }[] }[] }[]>(
        collector,
        `/api/traces/${traceId}`,
      )
      assert.equal(trace!.traceID, traceId)
      assert.deepEqual(
        trace!.spans.find(({ spanID }) => spanID === child['id'])!.references.map(({ spanID }) => spanID),
        [root],
      )
      assert.deepEqual(await ask(collector, '/api/services'), ['expense', 'web'])
      assert.deepEqual(await ask(collector, '/api/services/expense/operations'), ['get /expense'])
      assert.deepEqual(await ask(collector, '/api/operations?service=expense&spanKind=server'), [
        { name: 'get /expense', spanKind: 'server' },
      ])
      const found = async (query: string) =>
        (await ask<unknown[]>(collector, `/api/traces?service=expense&${query}`)).length
      assert.equal(await found('operation=get%20%2Fexpense&minDuration=50ms&maxDuration=100ms'), 1)
      assert.equal(await found('minDuration=80ms'), 0)
      assert.equal(await found(`tags=${encodeURIComponent(JSON.stringify({ error: 'true' }))}`), 1)
      assert.equal(await found(`tags=${encodeURIComponent(JSON.stringify({ note: evil }))}`), 1)
      assert.equal(await found(`tags=${encodeURIComponent(JSON.stringify({ note: "') OR 1=1 --" }))}`), 0)
      assert.equal(await found(`operation=${encodeURIComponent("' OR '1'='1")}`), 0)
      assert.equal((await fetch(`http://${collector.zipkin}/api/traces/${'f'.repeat(32)}`)).status, 404)
      assert.equal((await fetch(`http://${collector.zipkin}/api/traces?service=expense&limit=0`)).status, 400)
    }
    // Out of the recent window alone or with ClickHouse: the answers are the same.
    await holds(first)
    await until(
      'stored',
      () => metric(first, 'shipper_shipped_total', { signal: 'span' }),
      count => count === 3,
    )
    await ended(first, 'SIGTERM')
    const second = await all.collector(data)
    await until(
      'ClickHouse answers',
      async () => (await ask<unknown[]>(second, '/api/services')).length,
      count => count === 2,
    )
    await holds(second)
  })
})

it('the ledger on /metrics adds up: received = accepted + rejected + refused, and taken = shipped + rejected + lost + queued', async () => {
  let status = 202
  const sink = await all.sink(() => status)
  const data = all.directory()
  const collector = await all.collector(data, '--clickhouse', 'off', '--jaeger', sink.url, '--disk-max', '256KiB')
  const sum = async (...names: string[]) =>
    (await Promise.all(names.map(name => metric(collector, name, { signal: 'span' })))).reduce(
      (total, value) => total + value,
      0,
    )
  const batch = () => postSpans(collector, [...Array.from({ length: 50 }, () => spanOf(nextId())), { id: 'bad' }])
  await batch()
  status = 503
  await until('refused for want of room', batch, answer => answer.status === 429)
  status = 202
  await until('room again', batch, answer => answer.status === 202)
  await until(
    'all through',
    () => metric(collector, 'shipper_queued', { shipper: 'jaeger', signal: 'span' }),
    queued => queued === 0,
  )
  assert.equal(await sum('received_total'), await sum('accepted_total', 'rejected_total', 'refused_total'))
  assert.equal(await sum('accepted_total'), await sum('shipper_taken_total'))
  assert.equal(
    await sum('shipper_taken_total'),
    await sum('shipper_shipped_total', 'shipper_rejected_total', 'shipper_lost_total', 'shipper_queued'),
  )
  assert.ok((await sum('refused_total')) > 0)
  assert.ok((await sum('rejected_total')) > 0)
  assert.equal(sink.ids.size, await sum('accepted_total'))
  assert.match(
    readFileSync(`${data}/quarantine.ndjson`, 'utf8'),
    /"reason":"\/traceId must not be absent or zero","item":"\{\\"id\\":\\"bad\\"\}"/,
  )
  await until(
    'the log is let go',
    () => readdirSync(`${data}/log`).filter(name => name.endsWith('.segment')).length,
    count => count <= 2,
  )
})

it('says whether the ClickHouse library is there as the platform has it', async () => {
  const collector = await all.collector(all.directory())
  let installed = true
  try {
    createRequire(import.meta.url).resolve('chdb')
  } catch {
    installed = false
  }
  assert.equal(await hasEngine(collector), installed)
})
