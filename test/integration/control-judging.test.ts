import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Decision } from '../../protocol/decision.ts'
import {
  ask,
  demoProxies,
  eventually,
  failing,
  fakeCollector,
  follow,
  healthy,
  place,
  post,
  reporter,
  seen,
  startControl,
  upstreamOf,
  weightsOf,
  whileTicking,
} from './control-harness.ts'

const timeout = 30_000
type Decisions = { decisions: Decision[] }

test('a version that fails loses its weight at its callers, and the decision says why everywhere', {
  timeout,
}, async t => {
  const collector = await fakeCollector(t)
  const control = await startControl(t, place(t), [collector.url])
  const caller = await demoProxies(t, control.base)
  const stream = await follow<Decision>(t, `${control.base}/v1/decisions/stream?service=expense`)
  const before = caller.all.length

  const line = await whileTicking(
    collector,
    failing,
    caller.until(each => weightsOf(each)?.['v2'] === 0, before),
  )

  assert.deepEqual(weightsOf(line), { v1: 90, v2: 0 })
  const told = await stream.until(({ action }) => action === 'shift')
  const { decisions } = await ask<Decisions>(control.base, '/v1/decisions?service=expense')
  const shift = decisions.find(({ action }) => action === 'shift')
  assert.deepEqual(told, shift)
  assert.deepEqual([shift?.version, shift?.actor, shift?.epoch], ['v2', 'judge', line.epoch])
  assert.deepEqual(shift?.traces, ['463ac35c9f6413ad48485a3953bb6124'])
  await eventually(
    () => collector.decisions,
    shipped => shipped.some(({ id }) => id === shift?.id),
  )
})

test('one endpoint that fails is ejected, its version keeps its weight', { timeout }, async t => {
  const collector = await fakeCollector(t)
  const control = await startControl(t, place(t), [collector.url])
  const caller = await demoProxies(t, control.base)
  const badHost = () => {
    const rows = [...seen('v1', ['e1a', 'e1b'], 180, 0), ...seen('v2', ['e2a', 'e2b'], 40, 0)]
    for (const row of rows) {
      if (row.version !== 'v2' || row.endpoint === 'e2b') continue
      row.errors.http5xx = 20
      row.ok = row.requests - 20
    }
    return rows
  }

  const line = await whileTicking(
    collector,
    badHost,
    caller.until(each => upstreamOf(each)?.endpoints.some(({ health }) => health === 'ejected') === true),
  )

  const ejected = upstreamOf(line)?.endpoints.filter(({ health }) => health === 'ejected')
  assert.deepEqual(
    ejected?.map(({ id }) => id),
    ['e2a'],
  )
  assert.deepEqual(weightsOf(line), { v1: 90, v2: 10 })
})

test('without a collector everything is frozen: the log says so and no weight moves', { timeout }, async t => {
  const collector = await fakeCollector(t)
  const control = await startControl(t, place(t), [collector.url])
  const caller = await demoProxies(t, control.base)
  const stream = await follow<Decision>(t, `${control.base}/v1/decisions/stream`)
  await eventually(collector.streams, streams => streams === 1)
  collector.tick(healthy())
  const before = caller.all.length

  collector.away(true)
  const freeze = await stream.until(({ action }) => action === 'freeze')

  assert.equal(freeze.data, 'dark')
  const ready = await ask<{ ready: boolean; checks: Record<string, { ok: boolean }> }>(control.base, '/ready')
  assert.deepEqual([ready.ready, ready.checks['collectors']?.ok], [true, false])
  collector.away(false)
  await eventually(collector.streams, streams => streams === 1)
  collector.tick(healthy())
  await stream.until(({ action }) => action === 'thaw')
  assert.deepEqual(
    caller.all.slice(before).filter(line => line.sections !== undefined),
    [],
    'no proxy heard of anything',
  )
})

test('what a person sets wins, is logged with who and why, and a pin holds against the judge', { timeout }, async t => {
  const collector = await fakeCollector(t)
  const control = await startControl(t, place(t), [collector.url])
  const caller = await demoProxies(t, control.base)

  const set = await post(control.base, '/v1/services/expense/weights', {
    weights: { v1: 50, v2: 50 },
    who: 'ann',
    reason: 'half and half for the demo',
    pin: true,
  })
  assert.equal(set.status, 200)
  const [decision] = set.body.decisions!
  assert.deepEqual([decision?.action, decision?.actor], ['manual', 'person:ann'])
  assert.match(decision!.reason, /half and half for the demo/)
  await caller.until(line => weightsOf(line)?.['v2'] === 50)

  const stream = await follow<Decision>(t, `${control.base}/v1/decisions/stream`)
  await eventually(collector.streams, streams => streams === 1)
  for (let at = 0; at < 40; at++) collector.tick(failing())
  const moved = stream.until(({ action, service }) => action === 'shift' && service === 'expense')
  const unpinned = await post(control.base, '/v1/services/expense/unpin', { who: 'ann', reason: 'over' })
  assert.equal(unpinned.status, 200)
  await whileTicking(collector, failing, moved)
  const { decisions } = await ask<Decisions>(control.base, '/v1/decisions?service=expense')
  const shift = decisions.findIndex(({ action, dryRun }) => action === 'shift' && !dryRun)
  const unpin = decisions.findIndex(({ id }) => id === unpinned.body.decisions![0]!.id)
  assert.ok(shift < unpin, 'newest first: it moved only after it was unpinned')
})

test('an endpoint that a person ejected stays out until a person restores it', { timeout }, async t => {
  const collector = await fakeCollector(t)
  const control = await startControl(t, place(t), [collector.url])
  const caller = await demoProxies(t, control.base)
  const healthOf = (id: string) => (line: Parameters<typeof upstreamOf>[0]) =>
    upstreamOf(line)?.endpoints.find(endpoint => endpoint.id === id)?.health
  const said = { who: 'ann', reason: 'disk is being replaced' }

  assert.equal((await post(control.base, '/v1/services/expense/endpoints/e1a/eject', said)).status, 200)
  await caller.until(line => healthOf('e1a')(line) === 'ejected')
  const after = caller.all.length
  assert.equal((await post(control.base, '/v1/services/expense/endpoints/e1a/restore', said)).status, 200)
  await caller.until(line => ['healthy', 'probing'].includes(healthOf('e1a')(line) ?? ''), after)
})

test('two collectors are one: their traffic adds', { timeout }, async t => {
  const one = await fakeCollector(t)
  const other = await fakeCollector(t)
  const control = await startControl(t, place(t), [one.url, other.url])
  await demoProxies(t, control.base)
  await eventually(
    () => one.streams() + other.streams(),
    streams => streams === 2,
  )
  one.tick(seen('v1', ['e1a'], 100, 0))
  other.tick(seen('v1', ['e1a'], 60, 0))
  type Service = { versions: Array<{ version: string; traffic: { requests: number } }> }
  const service = await eventually(
    () => ask<Service>(control.base, '/v1/services/expense'),
    ({ versions }) => (versions[0]?.traffic.requests ?? 0) > 0,
  )
  assert.equal(service.versions.find(({ version }) => version === 'v1')?.traffic.requests, 160)
})

test('proxies that have seen a higher epoch than ours are told everything above it', { timeout }, async t => {
  const collector = await fakeCollector(t)
  const control = await startControl(t, place(t), [collector.url])
  const caller = await demoProxies(t, control.base)
  await eventually(collector.streams, streams => streams === 1)

  collector.tick(healthy(), [reporter('report-1', 77_000)])

  const line = await caller.until(({ epoch = 0 }) => epoch > 77_000)
  assert.deepEqual(Object.keys(line.sections ?? {}).sort(), [
    'identity',
    'intentions',
    'listener',
    'telemetry',
    'upstream/expense',
    'upstream/report',
  ])
})
