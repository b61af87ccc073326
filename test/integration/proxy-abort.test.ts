import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Retries } from '../../protocol/snapshot.ts'
import { type Harness, harness, upstreamOf } from '../support/proxy-harness.ts'
import { dial, origin, type Wire } from '../support/proxy-sockets.ts'

const turn = () => new Promise(resolve => setImmediate(resolve))

/** What each side says on one connection, and after how many bytes of it the side leaves, and how. */
interface Side {
  script: string
  leaveAfter: number
  how: 'end' | 'destroy' | 'reset' | 'stay'
}

const requests = [
  'GET /a HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789',
  'PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nsome bytes of the tunnel',
  'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n',
]
const answers = [
  'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 503 Nope\r\ncontent-length: 4\r\n\r\nnope',
  'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello from the other side',
  'HTTP/1.0 200 OK\r\n\r\nuntil the end',
  'garbage\r\n\r\n',
]
const retries: Retries = {
  attempts: 1,
  on: ['connect-failure', 'gateway-error', 'reset'],
  statusCodes: [],
  perTryTimeoutMs: 0,
  budget: 0.2,
  budgetPerSecond: 1000,
  backoffBaseMs: 1,
  backoffMaxMs: 1,
}

function sideOf(scripts: string[]): fc.Arbitrary<Side> {
  return fc.record({
    script: fc.constantFrom(...scripts),
    leaveAfter: fc.nat({ max: 160 }),
    how: fc.constantFrom('end', 'destroy', 'reset', 'stay'),
  })
}

function play(wire: Wire, { script, leaveAfter, how }: Side): void {
  const leaves = how !== 'stay' && leaveAfter < script.length
  wire.send(leaves ? script.slice(0, leaveAfter) : script)
  if (how === 'stay') return
  // Behind what was written, so that the bytes go first; a reset may overtake them, as resets do.
  if (how === 'end') wire.socket.end()
  else setImmediate(() => (how === 'destroy' ? wire.socket.destroy() : wire.reset()))
}

test('whoever leaves at whatever moment: every exchange ends once, no connection leaks, gauges return to 0', async () => {
  await fc.assert(
    fc.asyncProperty(sideOf(requests), sideOf(answers), fc.nat({ max: 40 }), async (request, answer, turns) => {
      const app = await origin(wire => {
        let played = false
        wire.socket.on('data', () => {
          if (played && answer.how !== 'stay') return
          played = true
          play(wire, answer)
        })
        wire.socket.on('end', () => wire.socket.end())
      })
      // Half-closed and then gone cannot be told from half-closed and waiting: that is what deadlines are for.
      const proxy = await harness({ upstream: upstreamOf([app.address, app.address], { retries, timeoutMs: 100 }) })
      try {
        const client = await dial(proxy.listener.address)
        await until(
          () => proxy.listener.stats.cxTotal === 1,
          () => 'the connection was never taken',
        )
        play(client, request)
        for (let n = 0; n < turns; n++) await turn()
        await leave(client, proxy)
        await rest(proxy)
        assertNothingLeft(proxy)
      } finally {
        await Promise.all([proxy.close(), app.close()])
      }
      assert.equal(proxy.sender.clusters().length, 0)
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 300) },
  )
})

function assertNothingLeft({ outcomes, begun, listener, sender }: Harness): void {
  assert.equal(outcomes.length, begun, 'each exchange ended once')
  assert.equal(new Set(outcomes.map(({ exchange }) => exchange)).size, begun)
  const { stats, endpoints } = sender.clusters()[0]!
  assert.deepEqual(
    [listener.stats.cxActive, listener.stats.rqActive, listener.stats.tunnelsActive, sender.active],
    [0, 0, 0, 0],
  )
  assert.deepEqual([stats.rqActive, stats.rqPending], [0, 0])
  let connections = 0
  for (const endpoint of endpoints) {
    assert.equal(endpoint.rqActive, 0)
    connections += endpoint.cxActive
  }
  assert.equal(stats.cxActive, connections)
  assert.ok(connections <= 2, 'only what may be used again is kept')
}

/** The client goes for good, gently first: what it has asked is to be ended by that. */
async function leave(client: Wire, proxy: Harness): Promise<void> {
  for (let n = 0; n < 20 && proxy.sender.active > 0; n++) await turn()
  client.reset()
}

/** Until the proxy has noticed that the client is gone and has ended what it did for it. */
async function rest({ listener, sender }: Harness): Promise<void> {
  await until(
    () => listener.stats.cxActive === 0 && sender.active === 0,
    () => `still there: ${listener.stats.cxActive} connections, ${sender.active} requests`,
  )
}

async function until(holds: () => boolean, otherwise: () => string): Promise<void> {
  const untilMs = performance.now() + 5000
  while (!holds()) {
    if (performance.now() > untilMs) throw new Error(otherwise())
    await turn()
  }
}
