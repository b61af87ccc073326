import assert from 'node:assert/strict'
import { execFile, spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { Fields } from '../../proxy/exchange.ts'
import type { ResponseHead } from '../../proxy/http2/heads.ts'
import type { StreamUser } from '../../proxy/http2/stream.ts'
import { answering } from '../support/http2-echo.ts'
import { connectHttp2, type Http2TestServer, serveHttp2 } from '../support/http2-sockets.ts'

/** nghttp2's tools and h2spec against our codec, where they are installed (Debian: nghttp2-client, nghttp2-server; h2spec is a Go program). */
const run = promisify(execFile)
const h2spec = process.env['TRIMTAB_H2SPEC'] ?? 'h2spec'

function missing(command: string, flag = '--version'): string | false {
  return spawnSync(command, [flag]).error === undefined ? false : `${command} is not installed`
}

describe('our server', () => {
  let server: Http2TestServer

  before(async () => {
    server = await serveHttp2(answering)
  })
  after(() => server.close())

  const url = (path: string): string => `http://127.0.0.1:${server.port}${path}`

  test('answers all of 20,000 requests of h2load, over one stream or many', { skip: missing('h2load') }, async () => {
    for (const [clients, streams] of [
      ['8', '8'],
      ['32', '1'],
      ['2', '32'],
    ] as const) {
      const { stdout } = await run('h2load', ['-n', '20000', '-c', clients, '-m', streams, url('/')])
      assert.match(stdout, /20000 succeeded, 0 failed/)
    }
  })

  test('gives back what nghttp posts, with its trailers and through padding', { skip: missing('nghttp') }, async () => {
    const file = new URL('../../package.json', import.meta.url).pathname
    const { stdout } = await run('nghttp', [
      '-d',
      file,
      '-p',
      '7',
      '--padding=200',
      '--trailer',
      'x-sum: 9',
      '-v',
      '--no-dep',
      url('/a'),
    ])
    assert.match(stdout, /:status: 200/)
    assert.match(stdout, /x-sum: 9/)
    assert.match(stdout, /"name": "trimtab"/)
  })

  test('upholds every rule that h2spec knows, strictly', { skip: missing(h2spec) }, async () => {
    const args = ['--strict', '-h', '127.0.0.1', '-p', String(server.port), '-o', '3']
    const { stdout } = await run(h2spec, args).catch((failed: { stdout: string }) => failed)
    assert.ok(/\b0 skipped, 0 failed/.test(stdout), stdout.slice(stdout.indexOf('Failures')))
  })
})

/** Keeps one answer. */
class Kept implements StreamUser {
  status = 0
  bytes = 0
  readonly ended: Promise<Fields | null | string>
  #end!: (how: Fields | null | string) => void
  onDataCame: (bytes: number) => void = () => {}

  constructor() {
    this.ended = new Promise(resolve => {
      this.#end = resolve
    })
  }
  onInformational(): void {}
  onHead(head: ResponseHead): void {
    this.status = head.statusCode
  }
  onData(bytes: Buffer): void {
    this.bytes += bytes.length
    this.onDataCame(bytes.length)
  }
  onEnd(trailers: Fields | null): void {
    this.#end(trailers)
  }
  onBroken(cause: { reason: string }): void {
    this.#end(cause.reason)
  }
  onWritable(): void {}
}

test('our client gets 200 answers and posts 50 bodies from and to nghttpd', { skip: missing('nghttpd') }, async t => {
  const port = await freePort()
  const root = new URL('../..', import.meta.url).pathname
  const nghttpd = spawn('nghttpd', ['--no-tls', '-a', '127.0.0.1', '-d', root, '--echo-upload', String(port)], {
    stdio: 'ignore',
  })
  t.after(() => nghttpd.kill())
  const { connection, socket } = await connectSoon(port)
  t.after(() => socket.destroy())
  const ask = (method: string, body: Buffer | null): Kept => {
    const user = new Kept()
    const head = {
      method,
      scheme: 'http',
      authority: 'x',
      path: '/package.json',
      protocol: '',
      fields: [],
      neverIndexed: null,
    }
    const stream = connection.open(head, user, body === null)
    if (typeof stream === 'string') throw new Error(stream)
    user.onDataCame = bytes => connection.consumed(stream, bytes)
    if (body !== null) {
      connection.data(stream, body)
      connection.end(stream, null)
    }
    return user
  }
  for (let round = 0; round < 4; round++) {
    const gets = Array.from({ length: 50 }, () => ask('GET', null))
    await Promise.all(gets.map(({ ended }) => ended))
    assert.ok(gets.every(({ status, bytes }) => status === 200 && bytes > 100))
  }
  const posts = Array.from({ length: 50 }, (_, i) => ask('POST', Buffer.alloc(i * 2000, 'x')))
  await Promise.all(posts.map(({ ended }) => ended))
  assert.deepEqual(
    posts.map(({ status, bytes }) => [status, bytes]),
    posts.map((_, i) => [200, i * 2000]),
  )
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  await new Promise(resolve => server.close(resolve))
  return address.port
}

/** nghttpd says nowhere when it listens. */
async function connectSoon(port: number): ReturnType<typeof connectHttp2> {
  for (let tries = 0; ; tries++) {
    try {
      return await connectHttp2(port)
    } catch (error) {
      if (tries === 100) throw error
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
}
