import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { type Address, parseAddress } from '../../runtime/address.ts'
import { statOf } from '../support/mesh-pair.ts'
import { meshProxy } from '../support/mesh-proxy.ts'
import { dial, type Origin, origin } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'

/** A proxy that stands alone before `app`. */
async function alone(t: TestContext, app: Origin, flags: readonly string[] = []) {
  const to = `tcp://${app.address}`
  const proxy = await meshProxy(['--listen', '127.0.0.1:0', '--to', to, '--drain', '50ms', ...flags])
  t.after(async () => {
    await proxy.close()
    await app.close()
  })
  return { proxy, address: parseAddress(proxy.addresses['listen']!)! }
}

/** Sends what comes back, and ends when its client does. */
const echo = () => origin(({ socket }) => void socket.pipe(socket))

test('bytes arrive unchanged both ways, however they are cut', async t => {
  const { address } = await alone(t, await echo())

  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(150_000), { maxLength: 12 }), async lengths => {
      const chunks = lengths.map(length => randomBytes(length))
      const sent = Buffer.concat(chunks)

      const received = await exchange(address, chunks)

      assert.ok(received.equals(sent), `${received.length} of ${sent.length} bytes came back, or others`)
    }),
    { numRuns: 30 },
  )
})

/** Sends the chunks, ends, and gives what came back until the far end ended. */
async function exchange({ host, port }: Address, chunks: readonly Uint8Array[]): Promise<Buffer> {
  const socket = connect({ host, port, allowHalfOpen: true })
  const parts: Buffer[] = []
  socket.on('data', part => parts.push(part))
  await once(socket, 'connect')
  for (const chunk of chunks) {
    socket.write(chunk)
    await new Promise(setImmediate)
  }
  socket.end()
  await once(socket, 'end')
  return Buffer.concat(parts)
}

test('a client that sends no more still hears the answer', async t => {
  const app = await origin()
  const { address } = await alone(t, app)
  const client = await dial(address)
  client.send('question')
  client.socket.end()
  const server = await app.wire(0)

  await server.closed()
  server.send('answer')
  server.socket.end()

  assert.equal(await client.closed(), 'answer')
  assert.equal(server.received, 'question')
})

test('a client that ends before the server is reached is answered all the same', async t => {
  const { address } = await alone(t, await origin(({ socket }) => void socket.on('end', () => socket.end('answer'))))
  const client = connect({ host: address.host, port: address.port, allowHalfOpen: true })

  client.end()

  const [answer] = (await once(client, 'data')) as [Buffer]
  assert.equal(String(answer), 'answer')
})

test('a server that sends no more still hears the client', async t => {
  const app = await origin(wire => void wire.socket.end('greeting'))
  const { address } = await alone(t, app)
  const client = await dial(address)
  await client.closed()

  client.send('late words')
  const server = await app.wire(0)

  await server.until('late words')
  assert.equal(client.received, 'greeting')
  client.socket.destroy()
})

test('a server that speaks first is heard before its client said anything', async t => {
  const { address } = await alone(t, await origin(wire => wire.send('220 ready\r\n')))

  const client = await dial(address)

  assert.equal(await client.until('ready'), '220 ready\r\n')
  client.socket.destroy()
})

for (const [who, breaks] of [
  ['server', 'the client'],
  ['client', 'the server'],
] as const)
  test(`a reset by the ${who} reaches ${breaks} as a reset`, async t => {
    const app = await origin(wire => wire.send('hello'))
    const { address } = await alone(t, app)
    const client = await dial(address)
    await client.until('hello')
    const server = await app.wire(0)
    const [from, to] = who === 'server' ? [server, client] : [client, server]
    const failed = errorOf(to.socket)

    from.reset()

    assert.equal(await failed, 'ECONNRESET')
  })

function errorOf(socket: Socket): Promise<string> {
  return new Promise(resolve => socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? '')))
}

test('a reader that is slow slows the sender, and little is held for it', async t => {
  const total = 64 * 1024 * 1024
  const block = randomBytes(64 * 1024)
  const app = await origin(({ socket }) => socket.pause())
  const { address, proxy } = await alone(t, app)
  const client = connect({ host: address.host, port: address.port })
  let written = 0
  const fill = () => {
    while (written < total && client.write(block)) written += block.length
  }
  client.on('drain', fill)
  fill()
  const server = await app.wire(0)

  const stuckAt = await standstill(() => client.bytesWritten - client.writableLength)
  const taken = await statOf(proxy, 'envoy_tcp_downstream_cx_rx_bytes_total')

  assert.ok(stuckAt < total / 2, `${stuckAt} bytes were taken though nobody reads`)
  assert.ok(taken < total / 2, `the proxy read ${taken} bytes that nobody takes`)
  server.socket.resume()
  await until(
    'all that was sent',
    () => server.socket.bytesRead,
    read => read >= total - block.length,
  )
  client.destroy()
})

/** The value of something that grows, once it has stopped: the same at many looks in a row. */
async function standstill(value: () => number): Promise<number> {
  let same = 0
  let last = -1
  return until(
    'a standstill',
    () => {
      const now = value()
      same = now === last ? same + 1 : 0
      last = now
      return now
    },
    () => same > 20,
  )
}

test('many megabytes pass whole', async t => {
  const { address } = await alone(t, await echo())
  const bytes = randomBytes(24 * 1024 * 1024)

  const received = await exchange(address, [bytes])

  assert.equal(digest(received), digest(bytes))
})

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
