import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer as createServer1, type IncomingMessage, type ServerResponse } from 'node:http'
import { type ClientHttp2Session, createServer as createServer2 } from 'node:http2'
import { type TestContext, test } from 'node:test'
import { formatAddress, listen } from '../../runtime/address.ts'
import { session } from '../support/http2-clients.ts'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { seeded } from '../support/seeded.ts'
import { until } from '../support/until.ts'

const REQUESTS = 600
const CLIENTS = 4
const CANCEL = 8

/** Sends back what comes, with its digest in a trailer; now and then breaks off in the middle, or answers before it has heard all. */
async function echo(t: TestContext, http2: boolean): Promise<string> {
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const how = request.headers['x-how']
    response.on('error', () => {})
    request.on('error', () => {})
    if (how === 'early') {
      response.end('early')
      return
    }
    const hash = createHash('sha256')
    response.writeHead(200, { 'x-echo': request.headers['x-fill'] ?? '', trailer: 'x-digest' })
    request.on('data', piece => {
      hash.update(piece)
      if (how === 'break') response.destroy()
      else if (!response.write(piece)) {
        request.pause()
        response.once('drain', () => request.resume())
      }
    })
    request.on('end', () => {
      if (how === 'break') response.destroy()
      response.addTrailers({ 'x-digest': hash.digest('hex') })
      response.end()
    })
  }
  const server = http2 ? createServer2(answer as unknown as Parameters<typeof createServer2>[1]) : createServer1(answer)
  const address = await listen(server, { host: '127.0.0.1', port: 0 })
  t.after(() => server.close())
  return formatAddress(address)
}

type End = 'whole' | 'early' | 'broken' | 'left' | `wrong: ${string}`

for (const http2 of [false, true]) {
  test(`random requests and clients that leave, to an application of ${http2 ? 'HTTP/2' : 'HTTP/1.1'}: what is answered is whole, what is broken looks broken, and nothing is left behind`, async t => {
    const random = seeded(http2 ? 2 : 1)
    const upTo = (max: number) => Math.floor(random() * max)
    const app = await echo(t, http2)
    const proxy = await harness({ upstream: upstreamOf([app], { protocol: http2 ? 'http2' : 'http' }) })
    t.after(() => proxy.close())
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, (_, n) =>
        session(t, proxy.listener.address, {
          settings: {
            headerTableSize: [0, 256, 4096, 65_536][n]!,
            initialWindowSize: [1000, 65_535, 200_000, 65_535][n]!,
          },
        }),
      ),
    )

    const ask = (client: ClientHttp2Session): Promise<End> => {
      const body = Buffer.alloc(upTo([1, 200, 20_000, 300_000][upTo(4)]!), upTo(256))
      const how = random() < 0.1 ? 'early' : random() < 0.1 ? 'break' : 'echo'
      const leavesAfter = random() < 0.1 ? upTo(body.length + 1) : -1
      const fill = 'f'.repeat(upTo(400))
      const stream = client.request({
        ':method': 'POST',
        ':path': `/${upTo(1e9)}`,
        ':authority': 'a',
        'x-how': how,
        'x-fill': fill,
        ...(random() < 0.5 ? { 'content-length': String(body.length) } : {}),
      })
      const pieces: Buffer[] = []
      let status = 0
      let echoed: unknown
      let digest: unknown
      let received = 0
      stream.on('error', () => {})
      stream.on('response', headers => {
        status = headers[':status'] ?? 0
        echoed = headers['x-echo']
      })
      stream.on('trailers', trailers => {
        digest = trailers['x-digest']
      })
      stream.on('data', piece => {
        pieces.push(piece)
        received += piece.length
        if (leavesAfter >= 0 && received >= leavesAfter) stream.close(CANCEL)
      })
      stream.end(body)
      return new Promise(resolve =>
        stream.on('close', () => {
          const text = Buffer.concat(pieces)
          if (leavesAfter >= 0) resolve('left')
          else if (how === 'early') resolve(String(text) === 'early' ? 'early' : 'broken')
          else if (stream.rstCode !== 0 || status !== 200) resolve('broken')
          else if (how === 'break') resolve('wrong: a broken answer looks whole')
          else if (!text.equals(body) || echoed !== fill) resolve('wrong: another body or field')
          else resolve(digest === createHash('sha256').update(body).digest('hex') ? 'whole' : 'wrong: no digest')
        }),
      )
    }
    const runner = async (client: ClientHttp2Session): Promise<End[]> => {
      const ends: End[] = []
      while (ends.length < REQUESTS / CLIENTS)
        ends.push(...(await Promise.all(Array.from({ length: 1 + upTo(12) }, () => ask(client)))))
      return ends
    }
    const ends = (await Promise.all(clients.map(runner))).flat()

    const counted = Object.groupBy(ends, end => end)
    assert.deepEqual(
      ends.filter(end => end.startsWith('wrong')),
      [],
    )
    assert.ok((counted.whole?.length ?? 0) > REQUESTS / 3, `${counted.whole?.length} whole`)
    await until(
      'nothing under way',
      () => [proxy.listener.stats.http2StreamsActive, proxy.listener.stats.rqActive, proxy.sender.active],
      gauges => gauges.every(gauge => gauge === 0),
    )
    const met = Object.entries(proxy.listener.stats.http2.limits).filter(([, count]) => count > 0)
    assert.deepEqual(
      [proxy.listener.stats.http2.connectionErrors, met.filter(([name]) => name !== 'streamQueueBytes')],
      [0, []],
    )
    assert.equal(proxy.outcomes.length, proxy.begun)
  })
}
