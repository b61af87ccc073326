import assert from 'node:assert/strict'
import { test } from 'node:test'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { answering, dial, ok, origin } from '../support/proxy-sockets.ts'

test('a request goes to the endpoint and its answer comes back on a connection that stays', async t => {
  const app = await origin(answering(request => ok(request.split(' ')[1]!)))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('GET /a?x=1 HTTP/1.1\r\nHost: expense\r\n\r\n')
  await client.until('/a?x=1')
  client.send('GET /b HTTP/1.1\r\nHost: expense\r\n\r\n')
  await client.until('/b')

  assert.equal(client.ended, false)
  assert.equal(app.wires.length, 1, 'the upstream connection is used again')
  assert.deepEqual(
    proxy.outcomes.map(({ outcome }) => [outcome.status, outcome.flags, outcome.responseBytes]),
    [
      [200, '', 6],
      [200, '', 2],
    ],
  )
  assert.match(app.wires[0]!.received, /^GET \/a\?x=1 HTTP\/1\.1\r\nhost: expense\r\n/)
})
