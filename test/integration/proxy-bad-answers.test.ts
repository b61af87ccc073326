import assert from 'node:assert/strict'
import { test } from 'node:test'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { dial, origin } from '../support/proxy-sockets.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

for (const [title, bytes] of [
  ['no HTTP at all', 'hello\r\n\r\n'],
  ['a bare LF', 'HTTP/1.1 200 OK\ncontent-length: 0\r\n\r\n'],
  ['both lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
  ['a control character', 'HTTP/1.1 200 OK\r\nx: a\x01b\r\ncontent-length: 0\r\n\r\n'],
  ['a head without end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`],
] as const) {
  test(`an answer with ${title} is a 502 with its reason, and that connection is never used again`, async t => {
    let n = 0
    const app = await origin(wire => {
      const first = n++ === 0
      wire.socket.on('data', () => wire.send(first ? bytes : 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine'))
    })
    const proxy = await harness({ upstream: upstreamOf([app.address]) })
    t.after(() => Promise.all([proxy.close(), app.close()]))
    const client = await dial(proxy.listener.address)

    client.send(GET)
    const answer = await client.until('}\n')
    client.send(GET)
    await client.until('fine')

    assert.match(answer, /^HTTP\/1\.1 502 Bad Gateway\r\n[\s\S]*x-trimtab-reason: bad-upstream-response/)
    assert.equal(app.wires.length, 2)
    assert.equal(proxy.outcomes[0]!.outcome.flags, 'UPE')
    assert.equal(proxy.sender.clusters()[0]!.stats.cxProtocolError, 1)
  })
}

test('bytes behind a complete answer never become the next answer', async t => {
  let n = 0
  const app = await origin(wire => {
    const first = n++ === 0
    wire.socket.on('data', () =>
      wire.send(
        first
          ? 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\noneHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil'
          : 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntwo',
      ),
    )
  })
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(GET)
  await client.until('one')
  client.send(GET)
  const all = await client.until('two')

  assert.equal(all.includes('evil'), false)
})

for (const [title, head] of [
  ['a length', 'content-length: 10'],
  ['chunks', 'transfer-encoding: chunked'],
] as const) {
  test(`an answer with ${title} that breaks off is broken for the client, too`, async t => {
    const app = await origin(wire => {
      void wire.until('\r\n\r\n').then(() => {
        wire.send(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n3\r\nabc\r\n`)
        wire.socket.end()
      })
    })
    const proxy = await harness({ upstream: upstreamOf([app.address]) })
    t.after(() => Promise.all([proxy.close(), app.close()]))
    const client = await dial(proxy.listener.address)

    client.send(GET)
    const answer = await client.closed()

    assert.equal(answer.endsWith('0\r\n\r\n'), false)
    assert.equal(proxy.outcomes[0]!.outcome.flags, 'UC')
  })
}

test('an answer without a length that breaks off is reset toward an HTTP/1.0 client: a mere end would look whole', async t => {
  const app = await origin(wire => {
    void wire
      .until('\r\n\r\n')
      .then(() => wire.send('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'))
  })
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)
  const errors: string[] = []
  client.socket.on('error', error => errors.push((error as NodeJS.ErrnoException).code ?? ''))

  client.send('GET / HTTP/1.0\r\n\r\n')
  await client.until('abc')
  app.wires[0]!.socket.destroy()
  await client.closed()

  assert.deepEqual(errors, ['ECONNRESET'])
})

test('an upstream that closes before it answers is a 503 with the flag UC', async t => {
  const app = await origin(wire => void wire.until('\r\n\r\n').then(() => wire.socket.end()))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(GET)

  assert.match(await client.until('}\n'), /^HTTP\/1\.1 503 [\s\S]*upstream-reset/)
  assert.equal(proxy.outcomes[0]!.outcome.flags, 'UC')
})
