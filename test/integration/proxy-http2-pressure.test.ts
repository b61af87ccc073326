import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { test } from 'node:test'
import type { Exchange } from '../../proxy/exchange.ts'
import { formatAddress, listen } from '../../runtime/address.ts'
import { answerOf, rawHttp2, session } from '../support/http2-clients.ts'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { ok, origin } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'
import * as wire from '../unit/proxy/http2/frames.ts'

const UPLOAD_BYTES = 64 * 1024 * 1024

test('an upstream that takes nothing stops its own upload, and no other stream of the connection', async t => {
  const app = await origin()
  const exchanges: Exchange[] = []
  const proxy = await harness({ upstream: upstreamOf([app.address]), route: exchange => exchanges.push(exchange) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await session(t, proxy.listener.address, { maxSessionMemory: 1000 })
  const slow = client.request({ ':method': 'POST', ':path': '/slow', ':authority': 'a' })
  slow.on('error', () => {})
  const stuck = await app.wire(0)
  stuck.socket.pause()

  // Far more than the kernel takes on its way to a reader that does not read.
  slow.write(Buffer.alloc(UPLOAD_BYTES))
  let before = -1
  await until(
    'the upload to stand still',
    () => exchanges[0]!.requestBytes,
    bytes => {
      const stands = bytes > 0 && bytes === before
      before = bytes
      return stands
    },
  )
  const fast = client.request({ ':method': 'POST', ':path': '/fast', ':authority': 'a' })
  const answer = answerOf(fast)
  fast.end('quick')
  const other = await app.wire(1)
  await other.until('quick')
  other.send(ok('done'))

  assert.equal((await answer).body, 'done')
  const taken = exchanges[0]!.requestBytes
  assert.ok(taken < UPLOAD_BYTES / 2, `${taken} bytes were taken`)
  stuck.socket.resume()
  await until(
    'all of it',
    () => exchanges[0]!.requestBytes,
    bytes => bytes === UPLOAD_BYTES,
  )
  slow.destroy()
})

test('a client that does not open its window holds back its own answer and the upstream that sends it', async t => {
  const body = randomBytes(4 * 1024 * 1024)
  let sent = 0
  const server = createServer((_, answer) => {
    answer.writeHead(200)
    const more = () => {
      while (sent < body.length) {
        const piece = body.subarray(sent, sent + 32 * 1024)
        sent += piece.length
        if (!answer.write(piece)) {
          answer.once('drain', more)
          return
        }
      }
      answer.end()
    }
    more()
  })
  const address = await listen(server, { host: '127.0.0.1', port: 0 })
  const proxy = await harness({ upstream: upstreamOf([formatAddress(address)]) })
  t.after(() => Promise.all([proxy.close(), new Promise(resolve => server.close(resolve))]))
  const client = await rawHttp2(t, proxy.listener.address)
  const received = () => Buffer.concat(client.frames.filter(({ type }) => type === wire.DATA).map(f => f.payload))

  client.send(wire.get(1))
  await until('a whole window', received, bytes => bytes.length === 65_535)

  assert.equal(received().length, 65_535)
  assert.ok(proxy.outcomes.length === 0)
  client.send(wire.windowUpdate(0, body.length), wire.windowUpdate(1, body.length))
  await client.frame('the end', ({ type, flags }) => type === wire.DATA && (flags & wire.END_STREAM) !== 0)
  assert.equal(digest(received()), digest(body))
})

test('large bodies come out as they went in, both ways at once on several streams', async t => {
  const server = createServer((request, answer) => {
    answer.writeHead(200)
    request.pipe(answer)
  })
  const address = await listen(server, { host: '127.0.0.1', port: 0 })
  const proxy = await harness({ upstream: upstreamOf([formatAddress(address)]) })
  t.after(() => Promise.all([proxy.close(), new Promise(resolve => server.close(resolve))]))
  const client = await session(t, proxy.listener.address)
  const bodies = [1, 2, 3, 4].map(n => randomBytes(n * 777_777))

  const echoes = await Promise.all(
    bodies.map(body => {
      const stream = client.request({ ':method': 'POST', ':path': '/', ':authority': 'a' })
      const pieces: Buffer[] = []
      stream.on('data', piece => pieces.push(piece))
      stream.end(body)
      return new Promise<Buffer>(resolve => stream.on('close', () => resolve(Buffer.concat(pieces))))
    }),
  )

  assert.deepEqual(echoes.map(digest), bodies.map(digest))
})

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
