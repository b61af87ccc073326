import assert from 'node:assert/strict'
import { it } from 'node:test'
import { trafficRollup } from '../../../../collector/live/rollup.ts'
import type { TickRow } from '../../../../protocol/tick.ts'

const row = (fields: Partial<TickRow> = {}): TickRow => ({
  source: 'gateway',
  upstream: 'report',
  version: 'v2',
  endpoint: '',
  route: 'all',
  requests: 2,
  ok: 1,
  errors: { http5xx: 1, gateway: 0, reset: 0, timeout: 0 },
  clientErrors: 0,
  retries: 0,
  rescued: 0,
  inFlight: 3,
  fusedBy: 0,
  knownBy: 1,
  sketch: [3, 1],
  traces: ['aa'],
  ...fields,
})

it('adds counts and sketches up, keeps the highest gauge, and says how many seconds it was', () => {
  const rollup = trafficRollup(10, () => {})
  rollup.add([row()], 250)
  rollup.add([row({ inFlight: 1, fusedBy: 2, sketch: [3, 1, 8, 2] })], 250)
  assert.equal(rollup.ms, 500)
  const [line] = rollup.take('2026-01-01T00:00:00.000Z')
  const { knownBy: _knownBy, ...rolled } = JSON.parse(line!) as Record<string, unknown>
  assert.deepEqual(rolled, {
    time: '2026-01-01T00:00:00.000Z',
    seconds: 0.5,
    source: 'gateway',
    upstream: 'report',
    version: 'v2',
    endpoint: '',
    route: 'all',
    requests: 4,
    ok: 2,
    http5xx: 2,
    gateway: 0,
    reset: 0,
    timeout: 0,
    clientErrors: 0,
    retries: 0,
    rescued: 0,
    inFlightMax: 3,
    fusedByMax: 2,
    sketchBuckets: [3, 8],
    sketchCounts: [2, 2],
  })
  assert.deepEqual(rollup.take(''), [], 'nothing is left behind')
  assert.equal(rollup.ms, 0)
})

it('tells of rows beyond its bound, and still adds to the keys that it has', () => {
  let overflow = 0
  const rollup = trafficRollup(1, () => overflow++)
  rollup.add([row(), row({ version: 'v3' })], 250)
  rollup.add([row()], 250)
  assert.equal(overflow, 1)
  const lines = rollup.take('').map(line => JSON.parse(line) as { requests: number })
  assert.deepEqual(
    lines.map(({ requests }) => requests),
    [4],
  )
})

it('writes names that UTF-8 cannot say as names that it can: ClickHouse would refuse the row', () => {
  const rollup = trafficRollup(1, () => {})
  rollup.add([row({ route: 'a\ud800b' })], 250)
  const [line] = rollup.take('')
  assert.ok(!line!.includes('\\ud800'), line)
  assert.equal((JSON.parse(line!) as { route: string }).route, 'a\ufffdb')
})
