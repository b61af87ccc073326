import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
} from 'node:http2'
import { after, before, describe, test } from 'node:test'
import { relaying } from '../support/http2-relay.ts'
import { connectHttp2, type Http2TestServer, type SocketConnection, serveHttp2 } from '../support/http2-sockets.ts'
import { seeded } from '../support/seeded.ts'

/** node:http2 as client, our codec as server and as client, node:http2 as server: SOAK_EXCHANGES requests for each size of the tables. */
const exchanges = Number(process.env['SOAK_EXCHANGES'] ?? 400)
const AT_ONCE = 20

interface Plan {
  path: string
  headers: Record<string, string>
  body: Buffer
  trailers: Record<string, string>
  /** Who breaks the exchange off, and after how many bytes. */
  abort: 'client' | 'server' | ''
}

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
  trailers: IncomingHttpHeaders
  code: number
}

function planOf(random: () => number, i: number): Plan {
  const some = (max: number): number => Math.floor(random() * max)
  const text = (max: number): string =>
    Array.from({ length: some(max) }, () => String.fromCharCode(33 + some(90))).join('')
  const headers: Record<string, string> = {}
  for (let n = some(12); n > 0; n--) headers[`x-${some(30)}`] = some(3) === 0 ? text(200) : `v${some(4)}`
  if (some(3) === 0) headers['authorization'] = text(40)
  const trailers: Record<string, string> = {}
  if (some(3) === 0) for (let n = some(4); n >= 0; n--) trailers[`x-t${n}`] = text(20)
  const size = some(4) === 0 ? 0 : some(8) === 0 ? some(400_000) : some(3000)
  const body = Buffer.alloc(size, `${i}:${text(50)}`)
  return { path: `/${i}?${text(30).replaceAll('#', '')}`, headers, body, trailers, abort: abortOf(some(12)) }
}

function abortOf(dice: number): Plan['abort'] {
  return dice === 0 ? 'client' : dice === 1 ? 'server' : ''
}

/** Sends back path, fields, body and trailers; breaks off in the middle where it is asked to. */
function echoServer(settings: { headerTableSize: number }): Http2Server {
  const server = createServer({ settings, maxDeflateDynamicTableSize: settings.headerTableSize })
  server.on('stream', (stream, headers) => {
    let trailers: IncomingHttpHeaders = {}
    stream.on('error', () => {})
    stream.on('trailers', came => {
      trailers = came
    })
    const answer: IncomingHttpHeaders = { ':status': '200', 'x-path': headers[':path'] }
    for (const [name, value] of Object.entries(headers)) if (!name.startsWith(':')) answer[`${name}-back`] = value
    if (headers['x-abort'] === 'server') {
      stream.respond(answer)
      stream.write('the begin', () => stream.destroy(new Error('as planned')))
      return
    }
    stream.respond(answer, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers(trailers))
    stream.pipe(stream)
  })
  return server
}

function exchange(session: ClientHttp2Session, plan: Plan): Promise<Answer> {
  const stream = session.request(
    { ':method': 'POST', ':path': plan.path, ...plan.headers, ...(plan.abort === '' ? {} : { 'x-abort': plan.abort }) },
    { waitForTrailers: true },
  )
  const answer: Answer = { status: 0, headers: {}, body: Buffer.alloc(0), trailers: {}, code: 0 }
  const pieces: Buffer[] = []
  stream.on('wantTrailers', () => stream.sendTrailers(plan.trailers))
  stream.on('error', () => {})
  stream.on('response', headers => {
    answer.status = headers[':status'] ?? 0
    answer.headers = headers
    if (plan.abort === 'client') stream.close(constants.NGHTTP2_CANCEL)
  })
  stream.on('data', piece => pieces.push(piece))
  stream.on('trailers', trailers => {
    answer.trailers = trailers
  })
  stream.end(plan.body)
  return new Promise(resolve => {
    stream.on('close', () => resolve({ ...answer, body: Buffer.concat(pieces), code: stream.rstCode ?? 0 }))
  })
}

function assertSame(plan: Plan, answer: Answer): void {
  if (plan.abort === 'client') return
  if (plan.abort === 'server') {
    assert.equal(answer.code, constants.NGHTTP2_INTERNAL_ERROR)
    return
  }
  assert.equal(answer.status, 200)
  assert.equal(answer.code, 0)
  assert.equal(answer.headers['x-path'], plan.path)
  for (const [name, value] of Object.entries(plan.headers)) assert.equal(answer.headers[`${name}-back`], value)
  assert.ok(answer.body.equals(plan.body), `the body of ${plan.path} came back otherwise`)
  assert.deepEqual(Object.fromEntries(Object.entries(answer.trailers)), plan.trailers)
}

for (const tableBytes of [256, 4096]) {
  describe(`between node:http2 at both ends, with tables of ${tableBytes} bytes`, () => {
    const origin = echoServer({ headerTableSize: tableBytes })
    let upstream: SocketConnection
    let proxy: Http2TestServer
    let session: ClientHttp2Session

    before(async () => {
      origin.listen(0, '127.0.0.1')
      await once(origin, 'listening')
      const address = origin.address()
      if (address === null || typeof address === 'string') throw new Error('the origin has no port')
      const limits = { headerTableBytesMax: tableBytes }
      upstream = await connectHttp2(address.port, { limits })
      // Aborts are a part of the plan: they shall not look like an attack.
      proxy = await serveHttp2(accepted => relaying(accepted, () => upstream), {
        limits: { ...limits, resetsBurst: exchanges, provokedResetsBurst: 0 },
      })
      session = connect(`http://127.0.0.1:${proxy.port}`, {
        settings: { headerTableSize: tableBytes },
        maxDeflateDynamicTableSize: tableBytes,
      })
    })

    after(async () => {
      session.destroy()
      upstream.socket.destroy()
      await proxy.close()
      origin.close()
    })

    test(`${exchanges} exchanges come back as they were sent, but for those that somebody breaks off`, async () => {
      const random = seeded(tableBytes)
      let next = 0
      const worker = async (): Promise<void> => {
        while (next < exchanges) {
          const plan = planOf(random, next++)
          assertSame(plan, await exchange(session, plan))
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, worker))
      const [accepted] = proxy.connections
      assert.deepEqual([accepted!.fault, upstream.fault, accepted!.bugs, upstream.bugs], [undefined, undefined, [], []])
      assert.deepEqual([accepted!.streamFaults, upstream.streamFaults], [[], []])
      assert.equal(upstream.connection.streamsOpen, 0)
    })
  })
}
