import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { liveWindow, type ReporterStream } from '../../../../collector/live/window.ts'
import type { ReportHello, ReportKey, ReportLine, ReportRow } from '../../../../protocol/report.ts'

const bounds = { reportersMax: 100, keysMax: 1000 }
const key = (endpoint = '', version = 'v2'): ReportKey => ({
  source: 'gateway',
  upstream: 'report',
  version,
  endpoint,
  route: 'all',
})
const row = (fields: Partial<ReportRow> = {}): ReportRow => ({
  key: 1,
  requests: 1,
  ok: 1,
  errors: { http5xx: 0, gateway: 0, reset: 0, timeout: 0 },
  clientErrors: 0,
  retries: 0,
  rescued: 0,
  inFlight: 0,
  sketch: [],
  ...fields,
})
const line = (seq: number, rows: ReportRow[] = [], fields: Partial<ReportLine> = {}): ReportLine => ({
  seq,
  intervalMs: 250,
  epoch: 1,
  rows,
  ...fields,
})
const hello = (instance: string): ReportHello => ({
  protocol: 1,
  program: 'proxy',
  version: '0.1.0',
  instance,
  service: 'gateway',
  serviceVersion: 'v1',
  kind: 'sidecar',
})

function opened(window: ReturnType<typeof liveWindow>, instance: string, now = 0): ReporterStream {
  const result = window.open(hello(instance), now, () => {})
  assert.ok(result.status === 'open')
  return result.stream
}

describe('the tick', () => {
  it('adds the rows of all proxies by key, and begins anew with the next tick', () => {
    const window = liveWindow(bounds, 0)
    const [one, two] = [opened(window, 'one'), opened(window, 'two')]
    one.take(
      line(
        0,
        [
          row({
            requests: 3,
            ok: 2,
            errors: { http5xx: 1, gateway: 0, reset: 0, timeout: 0 },
            sketch: [3, 1, 5, 2],
            traces: ['aa'],
          }),
        ],
        { keys: { 1: key() } },
      ),
      10,
    )
    // The other proxy numbers the same key differently.
    two.take(
      line(0, [row({ key: 7, requests: 2, ok: 2, sketch: [5, 1, 9, 1], traces: ['bb'] })], { keys: { 7: key() } }),
      20,
    )
    const tick = window.tick(250, 't')
    assert.equal(tick.rows.length, 1)
    assert.deepEqual(tick.rows[0], {
      ...key(),
      requests: 5,
      ok: 4,
      errors: { http5xx: 1, gateway: 0, reset: 0, timeout: 0 },
      clientErrors: 0,
      retries: 0,
      rescued: 0,
      sketch: [3, 1, 5, 3, 9, 1],
      traces: ['aa', 'bb'],
      inFlight: 0,
      fusedBy: 0,
      knownBy: 2,
    })
    assert.deepEqual(window.tick(500, 't').rows, [])
  })

  it('comes without rows, too, and its length is by the monotonic clock', () => {
    const window = liveWindow(bounds, 1000)
    assert.deepEqual(window.tick(1250, 'a'), {
      seq: 0,
      time: 'a',
      intervalMs: 250,
      rows: [],
      reporters: [],
      missing: [],
    })
    assert.equal(window.tick(1600, 'b').intervalMs, 350)
  })

  it('counts every request of every line exactly once, however lines fall into ticks', () => {
    const step = fc.record({ proxy: fc.nat(3), requests: fc.nat(50), tick: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const window = liveWindow(bounds, 0)
        const streams = [0, 1, 2, 3].map(proxy => ({ stream: opened(window, `p${proxy}`), seq: 0 }))
        let sent = 0
        let told = 0
        const tick = () => {
          for (const merged of window.tick(0, '').rows) told += merged.requests
        }
        for (const { proxy, requests, tick: ticks } of steps) {
          const from = streams[proxy]!
          const keys = from.seq === 0 ? { keys: { 1: key() } } : {}
          from.stream.take(line(from.seq++, [row({ requests, ok: requests })], keys), 0)
          sent += requests
          if (ticks) tick()
        }
        for (const { stream } of streams) stream.close()
        tick()
        assert.equal(told, sent)
        assert.equal(window.keys, 0, 'nobody knows the key any more')
      }),
    )
  })
})

describe('gauges', () => {
  it('two lines of one proxy within a tick do not count its requests in flight twice', () => {
    const window = liveWindow(bounds, 0)
    const stream = opened(window, 'one')
    stream.take(line(0, [row({ inFlight: 4 })], { keys: { 1: key() } }), 0)
    stream.take(line(1, [row({ inFlight: 3 })]), 0)
    assert.equal(window.tick(250, '').rows[0]?.inFlight, 3)
  })

  it('a key that a line does not name has nothing in flight; its fuse stands as it was told last', () => {
    const window = liveWindow(bounds, 0)
    const stream = opened(window, 'one')
    stream.take(line(0, [row({ inFlight: 4, fused: true })], { keys: { 1: key('e1') } }), 0)
    window.tick(250, '')
    stream.take(line(1), 300)
    const held = window.tick(500, '').rows[0]
    assert.deepEqual([held?.inFlight, held?.fusedBy, held?.knownBy, held?.requests], [0, 1, 1, 0])
    stream.take(line(2, [row({ requests: 0, ok: 0, fused: false })]), 600)
    window.tick(750, '')
    assert.deepEqual(window.tick(1000, '').rows, [])
  })

  it('a proxy that leaves takes its gauges with it', () => {
    const window = liveWindow(bounds, 0)
    const [one, two] = [opened(window, 'one'), opened(window, 'two')]
    for (const stream of [one, two])
      stream.take(line(0, [row({ inFlight: 2, fused: true })], { keys: { 1: key('e1') } }), 0)
    window.tick(250, '')
    one.close()
    one.close()
    const left = window.tick(500, '').rows[0]
    assert.deepEqual([left?.inFlight, left?.fusedBy, left?.knownBy], [2, 1, 1])
  })
})

describe('lines', () => {
  it('a line that comes twice is counted once, a gap is told', () => {
    const window = liveWindow(bounds, 0)
    const stream = opened(window, 'one')
    stream.take(line(0, [row()], { keys: { 1: key() } }), 0)
    assert.equal(stream.take(line(0, [row()]), 0).status, 'duplicate')
    const after = stream.take(line(4, [row()]), 0)
    assert.ok(after.status === 'merged')
    assert.equal(after.missedLines, 3)
    assert.equal(window.tick(250, '').rows[0]?.requests, 2)
  })

  it('lines sent again over a new stream are not counted again, and their keys are learnt', () => {
    const window = liveWindow(bounds, 0)
    const before = opened(window, 'one')
    for (let seq = 0; seq < 20; seq++) before.take(line(seq, [row()], seq === 0 ? { keys: { 1: key() } } : {}), 0)
    before.close()
    const again = opened(window, 'one')
    assert.equal(again.take(line(15, [row({ key: 9 })], { keys: { 9: key() } }), 0).status, 'duplicate')
    again.take(line(20, [row({ key: 9 })]), 0)
    assert.equal(window.tick(250, '').rows[0]?.requests, 21)
  })

  it('a proxy that was restarted is heard at once, though it counts from zero', () => {
    const window = liveWindow(bounds, 0)
    const before = opened(window, 'one')
    before.take(line(5000, [row()], { keys: { 1: key() } }), 0)
    before.close()
    const taken = opened(window, 'one').take(line(0, [row()], { keys: { 1: key() } }), 0)
    assert.ok(taken.status === 'merged' && taken.restarted)
  })

  it('rows that cannot be merged are told by their reason, the others of the line count', () => {
    const window = liveWindow({ ...bounds, keysMax: 1 }, 0)
    const taken = opened(window, 'one').take(
      line(
        0,
        [
          row(),
          row({ key: 2 }),
          row({ key: 3 }),
          row({ sketch: [5, 1, 3, 1] }),
          row({ sketch: [560, 1] }),
          row({ sketch: [1] }),
        ],
        {
          keys: { 1: key(), 2: key('e2') },
        },
      ),
      0,
    )
    assert.ok(taken.status === 'merged')
    assert.deepEqual(taken.droppedRows, { 'unknown-key': 1, 'key-overflow': 1, 'bad-sketch': 3 })
    assert.equal(window.tick(250, '').rows[0]?.requests, 1)
  })
})

describe('who reports', () => {
  it('is told with epoch and refusal in the tick of a line, as missing after a second of silence, and forgotten after a minute', () => {
    const window = liveWindow(bounds, 0)
    const stream = opened(window, 'one')
    stream.take(line(0, [], { epoch: 7, refused: { epoch: 8, reason: 'no such route' } }), 100)
    const [reporter] = window.tick(250, '').reporters
    assert.deepEqual(reporter, {
      instance: 'one',
      service: 'gateway',
      version: 'v1',
      kind: 'sidecar',
      epoch: 7,
      silentMs: 150,
      refused: { epoch: 8, reason: 'no such route' },
    })
    const quiet = window.tick(900, '')
    assert.deepEqual([quiet.reporters.length, quiet.missing.length], [0, 0])
    assert.equal(window.tick(1200, '').missing[0]?.silentMs, 1100)
    stream.close()
    assert.equal(window.tick(60_000, '').missing.length, 1)
    window.tick(60_200, '')
    assert.equal(window.tick(60_400, '').missing.length, 0)
  })

  it('an instance that opens another stream cuts its first one', () => {
    const window = liveWindow(bounds, 0)
    const reasons: string[] = []
    const open = () => window.open(hello('one'), 0, reason => reasons.push(reason))
    open()
    open()
    assert.equal(reasons.length, 1)
    assert.match(reasons[0]!, /another report stream/)
  })

  it('more proxies than the limit are refused with the limit', () => {
    const window = liveWindow({ ...bounds, reportersMax: 1 }, 0)
    opened(window, 'one')
    const second = window.open(hello('two'), 0, () => {})
    assert.ok(second.status === 'refused')
    assert.match(second.reason, /1 proxies/)
  })
})
