import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { parseAddress } from '../../runtime/address.ts'
import { rawHttp2 } from '../support/http2-clients.ts'
import { http2Origin } from '../support/http2-origin.ts'
import { adminOf, meshProxy } from '../support/mesh-proxy.ts'
import { answering, dial, ok, origin } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'
import * as wire from '../unit/proxy/http2/frames.ts'

const MAX_CONCURRENT_STREAMS = 3
const INITIAL_WINDOW_SIZE = 4
const ENABLE_CONNECT_PROTOCOL = 8

async function alone(t: TestContext, flags: string[], log?: Parameters<typeof meshProxy>[2]) {
  const app = await origin(answering(() => ok('x')))
  const proxy = await meshProxy(['--listen', '127.0.0.1:0', '--to', app.address, ...flags], undefined, log)
  t.after(() => Promise.all([proxy.close(), app.close()]))
  return { proxy, address: parseAddress(proxy.addresses['listen']!)! }
}

test('what a person sets is what clients are told: requests at once, the window, extended CONNECT', async t => {
  const { address } = await alone(t, [
    '--http2-limit',
    'concurrent_streams_max=7',
    '--http2-limit',
    'stream_window_bytes=20000',
  ])
  const client = await rawHttp2(t, address)

  const { payload } = await client.frame('SETTINGS', ({ type, flags }) => type === wire.SETTINGS && flags === 0)

  client.destroy()
  const said = new Map<number, number>()
  for (let at = 0; at < payload.length; at += 6) said.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2))
  assert.deepEqual(
    [MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, ENABLE_CONNECT_PROTOCOL].map(id => said.get(id)),
    [7, 20_000, 1],
  )
})

test('a port that is to speak HTTP/1.1 only takes no HTTP/2', async t => {
  const { address } = await alone(t, ['--http1-only', 'listen'])
  const client = await dial(address)

  client.send(wire.clientHello)

  assert.match(await client.closed(), /^HTTP\/1\.1 505 /)
  client.socket.destroy()
})

test('a limit that is met shows under its own name and under Envoy’s, and once in the log for as many as meet it', async t => {
  const lines: string[] = []
  const log = pino(
    { level: 'warn' },
    new Writable({
      write(line, _, done) {
        lines.push(String(line))
        done()
      },
    }),
  )
  const { proxy, address } = await alone(t, ['--http2-limit', 'resets_burst=3'], log)

  for (let n = 0; n < 3; n++) {
    const client = await rawHttp2(t, address)
    client.send(wire.times(10, i => Buffer.concat([wire.post(i * 2 + 1), wire.reset(i * 2 + 1)])))
    await client.goAway()
    await until('the end', () => client.closed, Boolean)
  }

  const stats = await adminOf(proxy, '/stats?filter=http2')
  assert.match(stats, /trimtab_http2_limit_total\{.*limit="resets_burst"\}: 3\n/)
  assert.match(stats, /trimtab_http2_connection_errors_total\{.*\}: 3\n/)
  assert.match(stats, /envoy_http2_rx_reset\{.*listen.*\}: 12\n/)
  assert.match(stats, /envoy_http_downstream_cx_http2_total\{.*listen.*\}: 3\n/)
  const told = lines.filter(line => line.includes('HTTP/2 with'))
  assert.equal(told.length, 1)
  assert.match(told[0]!, /ended with ENHANCE_YOUR_CALM: .*\(resetsBurst: 3\)/)
})

test('what a person sets for endpoints holds for them, and one that does more is let go and counted under the same name', async t => {
  const app = await http2Origin({ onEnd: call => call.session.socket.write(wire.times(5, () => wire.ping())) })
  const flags = ['--http2-upstream-limit', 'pings_burst=3']
  const proxy = await meshProxy(['--listen', '127.0.0.1:0', '--to', `h2c://${app.address}`, ...flags])
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(parseAddress(proxy.addresses['listen']!)!)

  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')

  assert.match(await client.until('\r\n\r\n'), /^HTTP\/1\.1 50\d /)
  client.socket.destroy()
  const stats = await adminOf(proxy, '/stats?filter=upstream_http2_limit')
  assert.match(stats, /trimtab_upstream_http2_limit_total\{.*limit="pings_burst"\}: \d/)
  assert.doesNotMatch(stats, /limit="resets_burst"/)
})
