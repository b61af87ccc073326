import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttp, request as httpRequest } from 'node:http'
import { createServer as createHttps, request as httpsRequest } from 'node:https'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../runtime/clock.ts'
import { type PeekLimits, type Sides, tlsOrPlain } from '../../../runtime/tls-or-plain.ts'
import { testAuthority } from '../../support/certificates.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'

async function listening(t: TestContext, sides: Sides, limits: Partial<PeekLimits> = {}) {
  const peek = tlsOrPlain(sides, { clock: systemClock, firstByteMs: 60_000, waitingMax: 100, ...limits })
  const server = createServer({ allowHalfOpen: true }, peek.take)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    peek.close()
    server.close()
  })
  return { peek, port: (server.address() as AddressInfo).port }
}

const nobody: Sides = {
  tls: () => assert.fail('no TLS was sent'),
  plain: () => assert.fail('no clear text was sent'),
}

async function bodyOf(request: ReturnType<typeof httpRequest>, body: Buffer): Promise<Buffer> {
  request.end(body)
  const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream]
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

test('one port answers https and http alike, with bodies of any size, over connections that stay', async t => {
  // arrange
  const authority = await testAuthority()
  const { chain, key } = await authority.certify({ spiffeId: 'spiffe://demo.mesh/control', ips: ['127.0.0.1'] })
  const echo: Parameters<typeof createHttp>[1] = (request, response) => void request.pipe(response)
  const http = createHttp(echo)
  const https = createHttps({ cert: chain, key }, echo)
  const { port } = await listening(t, {
    tls: socket => https.emit('connection', socket),
    plain: socket => http.emit('connection', socket),
  })
  const host = { host: '127.0.0.1', port, method: 'POST', agent: false as const }
  for (const size of [0, 1, 5000, 3_000_000]) {
    // act
    const sent = Buffer.alloc(size, 'x')
    const plain = await bodyOf(httpRequest(host), sent)
    const secure = await bodyOf(httpsRequest({ ...host, ca: authority.root }), sent)
    // assert
    assert.ok(plain.equals(sent), `http, ${size} bytes`)
    assert.ok(secure.equals(sent), `https, ${size} bytes`)
  }
})

test('a first byte that comes alone loses nothing: what follows comes after it', async t => {
  const { port } = await listening(t, { ...nobody, plain: socket => void socket.pipe(socket) })
  const client = connect(port, '127.0.0.1')
  t.after(() => client.destroy())
  client.write('G')
  let answer = ''
  client.on('data', bytes => {
    answer += bytes.toString()
  })
  await until(
    'the first byte back',
    () => answer,
    got => got === 'G',
  )
  client.write('ET / HTTP/1.1')
  await until(
    'all of it',
    () => answer,
    got => got === 'GET / HTTP/1.1',
  )
})

test('a connection that sends nothing in time is given up, and is told of', async t => {
  const clock = manualClock()
  const dropped: string[] = []
  const { peek, port } = await listening(t, nobody, {
    clock,
    firstByteMs: 5000,
    onDropped(socket, why) {
      dropped.push(why)
      socket.destroy()
    },
  })
  const client = connect(port, '127.0.0.1')
  const closed = once(client, 'close')
  await until(
    'the connection waits',
    () => peek.waiting,
    waiting => waiting === 1,
  )
  clock.advance(4999)
  assert.deepEqual(dropped, [])
  clock.advance(1)
  await until(
    'it is given up',
    () => dropped,
    told => told.length > 0,
  )
  assert.deepEqual(dropped, ['silent'])
  await closed
  assert.equal(peek.waiting, 0)
})

test('one connection more than may wait is given up at once', async t => {
  const dropped: string[] = []
  const { peek, port } = await listening(t, nobody, {
    waitingMax: 1,
    onDropped(socket, why) {
      dropped.push(why)
      socket.destroy()
    },
  })
  const first = connect(port, '127.0.0.1')
  t.after(() => first.destroy())
  await until(
    'the first waits',
    () => peek.waiting,
    waiting => waiting === 1,
  )
  const second = connect(port, '127.0.0.1')
  await once(second, 'close')
  assert.deepEqual(dropped, ['full'])
  assert.equal(peek.waiting, 1)
})

test('peers that reset or end before their first byte leave nothing behind', async t => {
  const clock = manualClock()
  const { peek, port } = await listening(t, nobody, { clock })
  const open = async (leave: (socket: Socket) => void) => {
    const client = connect(port, '127.0.0.1')
    client.on('error', () => {})
    await once(client, 'connect')
    await until(
      'it waits',
      () => peek.waiting,
      waiting => waiting === 1,
    )
    leave(client)
    await until(
      'it is gone',
      () => peek.waiting,
      waiting => waiting === 0,
    )
  }
  await open(socket => socket.end())
  await open(socket => socket.resetAndDestroy())
  assert.equal(clock.timers, 0)
})

test('closing ends those that wait', async t => {
  const { peek, port } = await listening(t, nobody)
  const client = connect(port, '127.0.0.1')
  await until(
    'it waits',
    () => peek.waiting,
    waiting => waiting === 1,
  )
  peek.close()
  await once(client, 'close')
  assert.equal(peek.waiting, 0)
})
