import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type ClientRequest, request } from 'node:http'
import { createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { Retries } from '../../protocol/snapshot.ts'
import { REFUSED_STREAM } from '../../proxy/http2/codes.ts'
import type { Address } from '../../runtime/address.ts'
import { http2Origin } from '../support/http2-origin.ts'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { seeded } from '../support/seeded.ts'
import { until } from '../support/until.ts'

const random = seeded(0x5eed)
const upTo = (max: number) => Math.floor(random() * max)

const retries: Retries = {
  attempts: 5,
  on: ['refused-stream'],
  statusCodes: [],
  perTryTimeoutMs: 0,
  budget: 1,
  budgetPerSecond: 1000,
  backoffBaseMs: 0,
  backoffMaxMs: 0,
}

interface Plan {
  bytes: number
  trailers: boolean
  fields: number
  /** Of the body, the share after which the client goes. */
  leavesAt: number | undefined
  pauses: boolean
}

function planOf(): Plan {
  const size = [0, 100, 5000, 70_000, 400_000][upTo(5)]!
  return {
    bytes: upTo(size),
    trailers: random() < 0.3,
    fields: upTo(20),
    leavesAt: random() < 0.2 ? random() : undefined,
    pauses: random() < 0.2,
  }
}

type Ended = 'whole' | 'left' | `broken: ${string}`

/** Sends a body and compares what comes back with it. */
function run({ host, port }: Address, plan: Plan, n: number): Promise<Ended> {
  const body = Buffer.alloc(plan.bytes)
  for (let i = 0; i < body.length; i++) body[i] = (i * 31 + n) & 0xff
  const fields = Object.fromEntries(
    Array.from({ length: plan.fields }, (_, i) => [`x-f${i}`, `${n}-${'v'.repeat(upTo(60))}`]),
  )
  const headers = {
    ...fields,
    'x-n': String(n),
    'x-bytes': String(plan.bytes),
    'transfer-encoding': 'chunked',
    ...(plan.trailers ? { trailer: 'x-sum' } : {}),
  }
  return new Promise(resolve => {
    const asked: ClientRequest = request(
      { host, port, path: `/${n}`, method: 'POST', headers, agent: false },
      answer => {
        const hash = createHash('sha1')
        let bytes = 0
        answer.on('data', (chunk: Buffer) => {
          hash.update(chunk)
          bytes += chunk.length
          if (!plan.pauses) return
          answer.pause()
          setTimeout(() => answer.resume(), upTo(10))
        })
        answer.on('error', error => resolve(plan.leavesAt === undefined ? `broken: ${error.message}` : 'left'))
        answer.on('end', () => {
          if (answer.statusCode !== 200) resolve(`broken: status ${answer.statusCode}`)
          else if (answer.headers['x-n'] !== String(n)) resolve('broken: the answer of another request')
          else if (bytes !== body.length || hash.digest('hex') !== createHash('sha1').update(body).digest('hex'))
            resolve(`broken: ${bytes} bytes of ${body.length}`)
          else if (plan.trailers && answer.trailers['x-sum'] !== String(n)) resolve('broken: no trailers')
          else resolve('whole')
        })
      },
    )
    asked.on('error', error => resolve(plan.leavesAt === undefined ? `broken: ${error.message}` : 'left'))
    if (plan.trailers) asked.addTrailers({ 'x-sum': String(n) })
    if (plan.leavesAt === undefined) {
      asked.end(body)
      return
    }
    asked.write(body.subarray(0, Math.floor(body.length * plan.leavesAt)))
    setTimeout(() => {
      asked.destroy()
      resolve('left')
    }, upTo(20))
  })
}

async function soak(t: TestContext, address: string, count: number): Promise<void> {
  const proxy = await harness({ upstream: upstreamOf([address], { protocol: 'http2', retries }) })
  t.after(() => proxy.close())
  const ends: Ended[] = []
  let n = 0
  const worker = async () => {
    while (n < count) {
      n++
      ends.push(await run(proxy.listener.address, planOf(), n))
    }
  }

  await Promise.all(Array.from({ length: 16 }, worker))

  assert.deepEqual(
    ends.filter(end => end !== 'whole' && end !== 'left'),
    [],
  )
  assert.ok(ends.filter(end => end === 'whole').length > count / 2)
  await until(
    'nothing under way',
    () => proxy.sender.active,
    active => active === 0,
    5000,
  )
  const [cluster] = proxy.sender.clusters()
  const [endpoint] = [...cluster!.endpoints]
  assert.deepEqual(
    [cluster!.stats.rqActive, cluster!.stats.rqPending, endpoint!.rqActive, cluster!.stats.http2.connectionErrors],
    [0, 0, 0, 0],
  )
}

test("random bodies, fields, trailers and clients that leave, to node's HTTP/2 server: every answer is the right one, whole", async t => {
  const server = createServer()
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => {})
    let sum: string | undefined
    stream.on('trailers', trailers => {
      sum = String(trailers['x-sum'])
    })
    stream.respond({ ':status': 200, 'x-n': headers['x-n'] }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers(sum === undefined ? {} : { 'x-sum': sum }))
    stream.pipe(stream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())

  await soak(t, `127.0.0.1:${(server.address() as AddressInfo).port}`, 400)
})

test('the same to a server that refuses streams, drains its connections and knows hardly any window', async t => {
  let calls = 0
  const app = await http2Origin({
    limits: { concurrentStreamsMax: 8, streamWindowBytes: 1000, headerTableBytesMax: 256 },
    onCall(call) {
      calls++
      const { stream, session, head } = call
      // Of a body beyond 64 KiB nothing is kept to be sent again.
      const bytes = Number(head.fields[head.fields.indexOf('x-bytes') + 1])
      if (calls % 7 === 0 && bytes < 64 * 1024) {
        call.reset(REFUSED_STREAM)
        return
      }
      // A server on its way out: what came before is answered, the rest belongs elsewhere.
      if (calls % 40 === 0) session.codec.drain()
      call.head1(200, ['x-n', head.fields[head.fields.indexOf('x-n') + 1]!])
      const { onData } = stream.user!
      stream.user!.onData = bytes => {
        call.data(Buffer.from(bytes))
        onData(bytes)
      }
    },
    onEnd: call => call.end(call.trailers),
  })
  t.after(() => app.close())

  await soak(t, app.address, 400)
})
