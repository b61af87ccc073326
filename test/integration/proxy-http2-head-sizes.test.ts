import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { type TestContext, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { formatAddress } from '../../runtime/address.ts'
import { grpcApp, grpcClient } from '../support/grpc.ts'
import { type Call, http2Origin } from '../support/http2-origin.ts'
import { type Harness, harness, upstreamOf } from '../support/proxy-harness.ts'
import { until } from '../support/until.ts'

/** One end says what it takes of a head; the proxy between does not send it more, and nobody else on the connection pays for it. */

const GRPC = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' }

async function before(t: TestContext, onEnd: (call: Call) => void, takesBytes?: number) {
  const origin = await http2Origin({
    onEnd,
    ...(takesBytes === undefined ? {} : { limits: { headerListBytesMax: takesBytes } }),
  })
  const proxy = await harness({ upstream: upstreamOf([origin.address], { protocol: 'grpc' }) })
  t.after(async () => {
    await proxy.close()
    await origin.close()
  })
  return { origin, proxy }
}

function session(t: TestContext, { listener }: Harness, takesBytes?: number): ClientHttp2Session {
  const client = connect(`http://${formatAddress(listener.address)}`, {
    ...(takesBytes === undefined ? {} : { settings: { maxHeaderListSize: takesBytes } }),
  })
  t.after(() => client.destroy())
  return client
}

interface Answer {
  head: IncomingHttpHeaders
  trailers: IncomingHttpHeaders
  body: string
}

async function ask(client: ClientHttp2Session, fields: OutgoingHttpHeaders, body = ''): Promise<Answer> {
  const stream = client.request({ ':path': '/', ':authority': 'expense', ...fields }, { endStream: body === '' })
  if (body !== '') stream.end(body)
  const answer: Answer = { head: {}, trailers: {}, body: '' }
  stream.on('response', head => Object.assign(answer.head, head))
  stream.on('trailers', trailers => Object.assign(answer.trailers, trailers))
  stream.setEncoding('utf8').on('data', text => {
    answer.body += text
  })
  await once(stream, 'close')
  return answer
}

test('a head that is more than the endpoint takes is not sent to it: 431, and others on the connection go on', async t => {
  const held: Call[] = []
  const { origin, proxy } = await before(
    t,
    call => (call.head.path === '/held' ? held.push(call) : call.answer(200, [])),
    4096,
  )
  const client = session(t, proxy)
  const other = ask(client, { ':path': '/held' })
  await until(
    'the other request',
    () => held.length,
    count => count === 1,
  )

  const refused = await ask(client, { 'x-big': 'v'.repeat(5000) })
  held[0]!.answer(200, [], 'whole')

  assert.equal(refused.head[':status'], 431)
  assert.match(refused.body, /the fields are 5\d\d\d bytes, with those that proxies add, and the service takes 4096/)
  assert.equal((await other).body, 'whole')
  assert.deepEqual([origin.sessions.length, origin.calls.length], [1, 1])
  const { outcome } = proxy.outcomes.find(({ exchange }) => exchange.failure !== undefined)!
  assert.equal(outcome.flags, 'DPE')
})

test('a call with more metadata than the endpoint takes hears RESOURCE_EXHAUSTED, and is not tried again', async t => {
  const { origin, proxy } = await before(t, call => call.answer(200, []), 4096)

  const { head } = await ask(session(t, proxy), { ...GRPC, 'x-big': 'v'.repeat(5000) }, 'message')

  assert.equal(head['grpc-status'], String(status.RESOURCE_EXHAUSTED))
  assert.match(String(head['grpc-message']), /the service takes 4096 .*send fewer or shorter ones/)
  assert.deepEqual([proxy.attempts.length, origin.calls.length], [1, 0])
})

test('a call with more fields than the proxy takes hears RESOURCE_EXHAUSTED, not a page', async t => {
  const app = await grpcApp()
  const proxy = await harness({ upstream: upstreamOf([app.address], { protocol: 'grpc' }) })
  const client = grpcClient(proxy.listener.address)
  t.after(() => {
    client.close()
    app.close()
    return proxy.close()
  })
  const metadata = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`x-field-${i}`, 'v']))

  const said = await client.say('hello', { metadata })

  assert.equal(said.code, status.RESOURCE_EXHAUSTED)
  assert.match(said.details, /^bad-request: the fields are more than .* 100 in number; send fewer or shorter ones$/)
})

test('an answer whose head is more than the client takes becomes one that says so, and others on the connection go on', async t => {
  const { proxy } = await before(t, call =>
    call.head.path === '/big' ? call.answer(200, ['x-big', 'v'.repeat(5000)], 'body') : call.answer(200, [], 'whole'),
  )
  const client = session(t, proxy, 2000)

  const [page, call, other] = await Promise.all([
    ask(client, { ':path': '/big' }),
    ask(client, { ...GRPC, ':path': '/big' }, 'message'),
    ask(client, {}),
  ])

  assert.equal(page.head[':status'], 502)
  assert.match(page.body, /the answer's fields are 5\d\d\d bytes, and the client takes 2000/)
  assert.equal(call.head['grpc-status'], String(status.RESOURCE_EXHAUSTED))
  assert.equal(other.body, 'whole')
  assert.deepEqual(proxy.outcomes.map(({ outcome }) => outcome.flags).sort(), ['', 'UPE', 'UPE'])
})

test('trailers that are more than the client takes: a failed call keeps status and message, a good one is RESOURCE_EXHAUSTED', async t => {
  const trailersOf = (code: string) => ['grpc-status', code, 'grpc-message', 'no trip', 'x-big', 'v'.repeat(5000)]
  const { proxy } = await before(t, call =>
    call.answer(200, ['content-type', 'application/grpc'], 'message', trailersOf(call.head.path.slice(1))),
  )
  const client = session(t, proxy, 2000)

  const failed = await ask(client, { ...GRPC, ':path': '/5' }, 'message')
  const good = await ask(client, { ...GRPC, ':path': '/0' }, 'message')

  assert.deepEqual(Object.entries(failed.trailers), [
    ['grpc-status', '5'],
    ['grpc-message', 'no trip'],
  ])
  assert.equal(good.trailers['grpc-status'], String(status.RESOURCE_EXHAUSTED))
  assert.match(
    String(good.trailers['grpc-message']),
    /the answer's trailers are 5\d\d\d bytes, and the client takes 2000/,
  )
  assert.deepEqual(
    proxy.outcomes.map(({ exchange, outcome }) => [exchange.grpcStatus, outcome.flags]),
    [
      [5, ''],
      [8, 'UPE'],
    ],
  )
})
