import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { dial, origin } from '../support/proxy-sockets.ts'

const TOTAL_BYTES = 64 * 1024 * 1024
/** Kernel buffers of both sockets and node's high-water marks; far below what is sent. */
const HELD_BYTES_MAX = 24 * 1024 * 1024
const piece = Buffer.alloc(64 * 1024, 'x')

test('a client that does not read its answer slows the upstream; memory does not grow with the body', async t => {
  let written = 0
  const app = await origin(wire => {
    void wire.until('\r\n\r\n').then(async () => {
      wire.send(`HTTP/1.1 200 OK\r\ncontent-length: ${TOTAL_BYTES}\r\n\r\n`)
      while (written < TOTAL_BYTES) {
        const ready = wire.socket.write(piece)
        written += piece.length
        if (!ready) await once(wire.socket, 'drain')
      }
    })
  })
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)
  let got = 0
  client.socket.removeAllListeners('data')
  client.socket.on('data', chunk => {
    got += chunk.length
  })
  client.socket.pause()

  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await settled(() => written)
  assert.ok(written < HELD_BYTES_MAX, `${written} bytes were taken for a client that read none`)
  client.socket.resume()
  while (got < TOTAL_BYTES) await once(client.socket, 'data')

  assert.equal(proxy.outcomes[0]?.outcome.responseBytes, TOTAL_BYTES)
})

for (const [title, head, frame] of [
  ['a length', `Content-Length: ${TOTAL_BYTES}`, (bytes: Buffer) => bytes],
  [
    'chunks',
    'Transfer-Encoding: chunked',
    (bytes: Buffer) => Buffer.concat([Buffer.from('10000\r\n'), bytes, Buffer.from('\r\n')]),
  ],
] as const) {
  test(`an upstream that does not read the request (${title}) slows the client`, async t => {
    let got = 0
    const app = await origin(wire => {
      wire.socket.removeAllListeners('data')
      wire.socket.on('data', chunk => {
        got += chunk.length
      })
      wire.socket.pause()
    })
    const proxy = await harness({ upstream: upstreamOf([app.address]) })
    t.after(() => Promise.all([proxy.close(), app.close()]))
    const client = await dial(proxy.listener.address)
    let written = 0

    client.send(`POST / HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n`)
    const upload = (async () => {
      while (written < TOTAL_BYTES) {
        const ready = client.socket.write(frame(piece))
        written += piece.length
        if (!ready) await once(client.socket, 'drain')
      }
      if (title === 'chunks') client.send('0\r\n\r\n')
    })()
    await settled(() => written)
    assert.ok(written < HELD_BYTES_MAX, `${written} bytes were taken for an upstream that read none`)
    const wire = await app.wire(0)
    wire.socket.resume()
    await upload
    while (got < TOTAL_BYTES) await once(wire.socket, 'data')
    wire.send('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone')

    await client.until('done')
    assert.equal(proxy.outcomes[0]?.outcome.requestBytes, TOTAL_BYTES)
  })
}

test('bodies pass both ways at once, unchanged', async t => {
  const app = await origin(wire => {
    void wire.until('\r\n\r\n').then(head => {
      const early = head.slice(head.indexOf('\r\n\r\n') + 4)
      wire.send(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${early}`)
      wire.socket.on('data', chunk => wire.socket.write(chunk))
    })
  })
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  const sent = Array.from({ length: 200 }, (_, n) => `${n}:${'y'.repeat((n * 37) % 5000)};`)
  for (const text of sent) client.send(`${text.length.toString(16)}\r\n${text}\r\n`)
  client.send('0\r\n\r\n')
  const answer = await client.until(/\r\n0\r\n\r\n$/)

  assert.equal(dechunked(answer.slice(answer.indexOf('\r\n\r\n') + 4)), sent.join(''))
})

function dechunked(text: string): string {
  let body = ''
  for (let at = 0; ; ) {
    const lineEnd = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (size === 0) return body
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
  }
}

/** Until a figure has stood still for many turns of the event loop: whatever could move it, has. */
async function settled(figure: () => number): Promise<void> {
  let last = -1
  for (let still = 0; still < 2000; still++) {
    if (figure() !== last) still = 0
    last = figure()
    await turn()
  }
}
