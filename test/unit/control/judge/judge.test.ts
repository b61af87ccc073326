import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createJudge } from '../../../../control/judge/judge.ts'
import type { Tick } from '../../../../protocol/tick.ts'
import { createWorld, reporterOf, SERVICE, shiftDefaults, type World } from './traffic.ts'

const halves = { v1: { weight: 50, endpoints: 2 }, v2: { weight: 50, endpoints: 2 } }

function world(seed: number, failing: (tick: number) => number = () => 0.001): World {
  return createWorld({
    seed,
    ratePerSecond: 40,
    versions: halves,
    callers: 2,
    fuse: false,
    failing: (version, _endpoint, tick) => (version === 'v2' ? failing(tick) : 0.001),
  })
}
const actions = (made: World) => made.log.map(({ action }) => action)

test('no tick for 1.5 s is dark: frozen once, and thawed by the next tick', () => {
  const made = world(1)
  made.run(40)
  const at = made.nowMs
  const take = (nowMs: number) => made.judge.take({ kind: 'silence' }, nowMs).proposals
  assert.deepEqual(take(at + 1400), [])
  const [freeze, ...more] = take(at + 1600)
  assert.deepEqual(more, [])
  assert.equal(freeze?.action, 'freeze')
  assert.equal(freeze?.service, '*')
  assert.equal(freeze?.data, 'dark')
  assert.match(freeze!.reason, /^no traffic report for 1\.6 s .* is the collector running\?$/)
  assert.equal(made.judge.data(), 'dark')
  assert.equal(made.judge.standing(SERVICE)?.data, 'dark')
  assert.equal(made.judge.standing(SERVICE)?.versions.get('v1')?.verdict, 'inconclusive')
  assert.deepEqual(take(at + 2000), [])
  const thaw = made.judge.take({ kind: 'tick', tick: made.nextTick() }, at + 2250).proposals
  assert.deepEqual(
    thaw.map(({ action }) => action),
    ['thaw'],
  )
  assert.equal(made.judge.data(), 'traffic')
})

test('in the dark nothing advances: neither hold times nor ejections end, nothing is rolled back', () => {
  const made = world(2, tick => (tick > 100 ? 1 : 0.001))
  made.run(160)
  assert.deepEqual(actions(made), ['shift'])
  let proposals = 0
  for (let ms = 250; ms < 300_000; ms += 250)
    proposals += made.judge.take({ kind: 'silence' }, made.nowMs + ms).proposals.length
  assert.equal(proposals, 1)
  assert.deepEqual(
    made.judge.standing(SERVICE)!.weights,
    new Map([
      ['v1', 50],
      ['v2', 0],
    ]),
  )
})

const emptyTick = (present: string[], missing: string[]): Tick => ({
  seq: 0,
  time: '',
  intervalMs: 250,
  rows: [],
  reporters: present.map(instance => reporterOf(instance)),
  missing: missing.map(instance => ({ ...reporterOf(instance), silentMs: 2000 })),
})

test('a service whose callers are all silent is frozen alone, though other proxies report', () => {
  const made = world(3)
  made.run(40)
  const tick = (present: string[], missing: string[], afterMs: number) =>
    made.judge.take({ kind: 'tick', tick: emptyTick(present, missing) }, made.nowMs + afterMs).proposals
  const frozen = tick([], ['report-1', 'report-2'], 250)
  assert.deepEqual(
    frozen.map(({ action, service, data }) => [action, service, data]),
    [['freeze', SERVICE, 'dark']],
  )
  assert.match(frozen[0]!.reason, /report-1, report-2/)
  assert.deepEqual(tick([], ['report-1', 'report-2'], 500), [])
  assert.deepEqual(
    tick(['report-1'], ['report-2'], 750).map(({ action }) => action),
    ['thaw'],
  )
})

test('with some callers silent the rest is judged, and the evidence names who was missing', () => {
  const made = world(4, tick => (tick > 100 ? 1 : 0.001))
  made.run(100)
  for (let i = 0; i < 20 && made.log.length === 0; i++) {
    const tick = made.nextTick()
    made.give({ kind: 'tick', tick: { ...tick, missing: [reporterOf('report-9')] } })
  }
  assert.equal(made.log[0]?.action, 'shift')
  assert.equal(made.log[0]?.evidence['missing reporters'], 'report-9')
  assert.deepEqual(made.judge.standing(SERVICE)!.missing, ['report-9'])
})

test('nobody asking is idle: nothing moves and the verdict is inconclusive', () => {
  const made = world(5)
  made.run(40)
  for (let i = 1; i <= 400; i++)
    made.judge.take({ kind: 'tick', tick: emptyTick(['report-1', 'report-2'], []) }, made.nowMs + i * 250)
  const standing = made.judge.standing(SERVICE)!
  assert.equal(standing.data, 'idle')
  assert.equal(made.judge.data(), 'idle')
  assert.equal(standing.versions.get('v2')?.verdict, 'inconclusive')
  assert.deepEqual(actions(made), [])
})

test('a backlog that comes as one tick after the dark does not run away with the verdict', () => {
  const made = world(6)
  made.run(40)
  made.judge.take({ kind: 'silence' }, made.nowMs + 5000)
  const tick = made.nextTick()
  const rows = tick.rows.map(row => ({ ...row, requests: row.requests * 40, ok: row.ok * 40 }))
  const output = made.judge.take({ kind: 'tick', tick: { ...tick, intervalMs: 10_000, rows } }, made.nowMs + 10_000)
  assert.deepEqual(
    output.proposals.map(({ action }) => action),
    ['thaw'],
  )
})

test('the last version with capacity is never moved: v2 fails, but v1 has no endpoint', () => {
  const made = world(7, tick => (tick > 100 ? 1 : 0.001))
  made.run(60)
  const settings = { ...made.settings, endpoints: made.settings.endpoints.filter(({ version }) => version === 'v2') }
  made.give({ kind: 'service', settings, actor: 'file' })
  for (let i = 0; i < 200; i++) {
    const tick = made.nextTick()
    made.give({ kind: 'tick', tick })
  }
  assert.ok([...made.judge.standing(SERVICE)!.weights.values()].some(weight => weight > 0))
  assert.ok(!actions(made).includes('shift'))
})

test('traffic of services, versions and endpoints that nobody told of is not judged and takes no memory', () => {
  const judge = createJudge()
  judge.take(
    {
      kind: 'service',
      settings: { service: 'a', versions: new Map([['v1', 1]]), endpoints: [], shift: shiftDefaults },
      actor: 'file',
    },
    0,
  )
  const row = { ...world(1).nextTick().rows[0]!, upstream: 'a', version: 'constructor', endpoint: '__proto__' }
  judge.take(
    { kind: 'tick', tick: { ...emptyTick(['report-1'], []), rows: [row, { ...row, upstream: 'stranger' }] } },
    250,
  )
  assert.deepEqual(judge.services(), ['a'])
  assert.deepEqual([...judge.standing('a')!.versions.keys()], ['v1'])
})

test('services and versions beyond their bounds are refused with a reason', () => {
  const judge = createJudge({ servicesMax: 1, versionsMax: 2 })
  const settings = (service: string, count: number) => ({
    service,
    versions: new Map(Array.from({ length: count }, (_, i) => [`v${i}`, 1] as const)),
    endpoints: [],
    shift: shiftDefaults,
  })
  assert.equal(judge.take({ kind: 'service', settings: settings('a', 2), actor: 'file' }, 0).refused, undefined)
  assert.match(
    judge.take({ kind: 'service', settings: settings('b', 1), actor: 'file' }, 0).refused!,
    /1 services are the limit/,
  )
  assert.match(
    judge.take({ kind: 'service', settings: settings('a', 3), actor: 'file' }, 0).refused!,
    /3 versions, 2 can be judged/,
  )
  assert.deepEqual([...judge.standing('a')!.versions.keys()], ['v0', 'v1'])
  judge.take({ kind: 'gone', service: 'a' }, 0)
  assert.equal(judge.standing('a'), undefined)
})

test('an error budget is shown with its burn, and alarms', () => {
  const made = createWorld({
    seed: 8,
    ratePerSecond: 40,
    versions: halves,
    callers: 2,
    fuse: false,
    failing: () => 0.05,
    settings: { slo: { availability: 0.999, windowMs: 30 * 86_400_000 } },
  })
  made.run(1300)
  const [slo] = made.judge.standing(SERVICE)!.slo
  assert.ok(slo!.budgetLeft < 0)
  assert.ok(slo!.burn['1h']! > 30 && slo!.burn['1h']! < 70)
  assert.equal(slo!.alert?.severity, 'page')
})
