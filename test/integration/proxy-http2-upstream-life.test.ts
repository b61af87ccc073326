import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import type { Upstream } from '../../protocol/snapshot.ts'
import { formatAddress, listen } from '../../runtime/address.ts'
import { type Call, http2Origin } from '../support/http2-origin.ts'
import { manualClock } from '../support/manual-clock.ts'
import { harness, SERVICE, upstreamOf } from '../support/proxy-harness.ts'
import { answering, dial, ok, origin } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'

const GET = 'GET /a HTTP/1.1\r\nHost: shop\r\n\r\n'
const when = (holds: () => boolean) => until(String(holds), holds, Boolean, 5000)
const answerHello = (call: Call) => call.answer(200, ['content-type', 'text/plain'], 'hello')

function http2Upstream(addresses: string[], change: Partial<Upstream> = {}): Upstream {
  return upstreamOf(addresses, { protocol: 'http2', ...change })
}

test('a proxy that is drained under load loses no request of those before it', async t => {
  const app = await origin(answering(() => ok('hello')))
  const [first, second] = [
    await harness({ upstream: upstreamOf([app.address]) }),
    await harness({ upstream: upstreamOf([app.address]) }),
  ]
  const retries: Upstream['retries'] = {
    ...upstreamOf([]).retries,
    attempts: 2,
    on: ['connect-failure', 'refused-stream'],
    budgetPerSecond: 1000,
  }
  const proxy = await harness({
    upstream: http2Upstream([formatAddress(first.listener.address), formatAddress(second.listener.address)], {
      retries,
    }),
  })
  t.after(() => Promise.all([proxy.close(), first.close(), second.close(), app.close()]))
  let asked = 0
  let stopping = false
  const bad: string[] = []
  const worker = async () => {
    const client = await dial(proxy.listener.address)
    while (!stopping) {
      client.clear()
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`)
      const said = await client.until('hello').catch((error: Error) => error.message)
      if (!said.startsWith('HTTP/1.1 200')) bad.push(said)
      asked++
    }
    client.socket.destroy()
  }
  const load = Promise.all(Array.from({ length: 16 }, worker))
  await when(() => first.begun > 100 && second.begun > 100)

  first.listener.drain()
  const drained = first.listener.close(1000)
  await when(() => second.begun > first.begun + 500)
  await drained
  stopping = true
  await load

  assert.deepEqual(bad, [])
  assert.ok(asked > 600)
})

test('a server without window for a body is given up after 30 s, and costs its stream only', async t => {
  const clock = manualClock()
  const app = await http2Origin({
    credits: false,
    onEnd: call => call.head.path === '/ok' && answerHello(call),
  })
  const proxy = await harness({ upstream: http2Upstream([app.address]), clock })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const stuck = await dial(proxy.listener.address)
  const client = await dial(proxy.listener.address)
  stuck.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`)
  await when(() => app.calls[0]?.bytes === 65_536)

  for (let n = 0; n < 1240; n++) {
    clock.advance(50)
    // The connection answers PINGs meanwhile.
    if (n % 20 === 0) await new Promise(resolve => setImmediate(resolve))
  }

  assert.match(await stuck.until('\r\n\r\n'), /^HTTP\/1\.1 503 /)
  assert.match(proxy.outcomes[0]!.outcome.failure!.detail, /took nothing of what waits for it for 30000 ms/)
  client.send('GET /ok HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until('hello')
  assert.equal(app.sessions.length, 1)
})

test('a server that never says its settings is a connection that was not made in time', async t => {
  const clock = manualClock()
  const silent = createServer(() => {})
  const address = await listen(silent, { host: '127.0.0.1', port: 0 })
  const proxy = await harness({ upstream: http2Upstream([formatAddress(address)]), clock })
  t.after(async () => {
    await proxy.close()
    silent.close()
  })
  const clients = [await dial(proxy.listener.address), await dial(proxy.listener.address)]
  for (const client of clients) client.send(GET)
  await when(() => proxy.sender.clusters()[0]!.stats.rqPending === 1)
  await until(
    'the connection',
    () => new Promise<number>(resolve => silent.getConnections((_, count) => resolve(count))),
    count => count === 1,
  )

  for (let n = 0; n < 30; n++) {
    clock.advance(50)
    await new Promise(resolve => setImmediate(resolve))
  }

  for (const client of clients) assert.match(await client.until('\r\n\r\n'), /^HTTP\/1\.1 503 /)
  const { stats } = proxy.sender.clusters()[0]!
  assert.deepEqual(
    proxy.outcomes.map(({ outcome }) => outcome.flags),
    ['UF', 'UF'],
  )
  assert.deepEqual([stats.cxConnectFail, stats.cxActive, stats.rqPending, stats.rqActive], [1, 0, 0, 0])
})

test('an endpoint that leaves the policy keeps its streams to their end; those who wait for it go elsewhere', async t => {
  const held: Call[] = []
  const old = await http2Origin({ limits: { concurrentStreamsMax: 1 }, onEnd: call => held.push(call) })
  const next = await http2Origin({ onEnd: answerHello })
  const limits = { maxConnections: 1, maxPending: 10, maxRequests: 100, maxRetries: 1 }
  const proxy = await harness({ upstream: http2Upstream([old.address], { limits }) })
  t.after(() => Promise.all([proxy.close(), old.close(), next.close()]))
  const early = await dial(proxy.listener.address)
  const late = await dial(proxy.listener.address)
  early.send(GET)
  await when(() => held.length === 1)
  late.send(GET)
  await when(() => proxy.sender.clusters()[0]!.stats.rqPending === 1)

  proxy.sender.reconcile(
    new Map([[SERVICE, http2Upstream([next.address], { limits: { ...limits, maxConnections: 10 } })]]),
  )
  await late.until('hello')
  answerHello(held[0]!)
  await early.until('hello')

  await when(() => old.sessions[0]!.socket.destroyed)
  assert.equal(next.calls.length, 1)
})

test('a service that comes to speak HTTP/2 is spoken to so from the next request on, and what is under way ends as it began', async t => {
  let answer = () => {}
  const app = await origin(wire => {
    answer = () => wire.send(ok('old'))
  })
  const next = await http2Origin({ onEnd: answerHello })
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close(), next.close()]))
  const early = await dial(proxy.listener.address)
  early.send(GET)
  await (await app.wire(0)).until('\r\n\r\n')

  proxy.sender.reconcile(new Map([[SERVICE, http2Upstream([{ id: 'e1', address: next.address } as never])]]))
  const late = await dial(proxy.listener.address)
  late.send(GET)
  await late.until('hello')
  answer()

  await early.until('old')
})

test('a connection to a name is replaced after five minutes, and what it carries goes on to its end', async t => {
  const clock = manualClock()
  const held: Call[] = []
  const app = await http2Origin({ onEnd: call => (call.head.path === '/held' ? held.push(call) : answerHello(call)) })
  const named = app.address.replace('127.0.0.1', 'localhost')
  const proxy = await harness({ upstream: http2Upstream([named]), clock })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const early = await dial(proxy.listener.address)
  early.send('GET /held HTTP/1.1\r\nHost: a\r\n\r\n')
  await when(() => held.length === 1)

  for (let n = 0; n < 3020; n++) {
    clock.advance(100)
    // The connection answers PINGs meanwhile.
    if (n % 5 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  const late = await dial(proxy.listener.address)
  late.send(GET)
  await late.until('hello')
  answerHello(held[0]!)
  await early.until('hello')

  assert.deepEqual(
    app.sessions.map(({ calls }) => calls.length),
    [1, 1],
  )
  await when(() => app.sessions[0]!.socket.destroyed && !app.sessions[1]!.socket.destroyed)
})

test('where a second connection cannot be had, requests wait for the first, and each is counted while it waits', async t => {
  const held: Call[] = []
  const app = await http2Origin({
    limits: { concurrentStreamsMax: 1 },
    onSession: session => void (app.sessions.length > 1 && session.socket.destroy()),
    onEnd: call => held.push(call),
  })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const { stats } = proxy.sender.clusters()[0]!
  const clients = []
  for (let n = 1; n <= 4; n++) {
    const client = await dial(proxy.listener.address)
    clients.push(client)
    client.send(GET)
    await when(() => (n === 1 ? held.length === 1 : stats.cxConnectFail === n - 1))
  }

  for (const [n, client] of clients.entries()) {
    await when(() => held.length === n + 1)
    answerHello(held[n]!)
    await client.until('hello')
  }

  assert.deepEqual([stats.rqPending, stats.rqActive, stats.cxActive], [0, 0, 1])
})

test('an idle connection makes room for one to another endpoint', async t => {
  const apps = [await http2Origin({ onEnd: answerHello }), await http2Origin({ onEnd: answerHello })]
  const limits = { maxConnections: 1, maxPending: 10, maxRequests: 100, maxRetries: 1 }
  const proxy = await harness({
    upstream: http2Upstream(
      apps.map(app => app.address),
      { limits },
    ),
  })
  t.after(() => Promise.all([proxy.close(), ...apps.map(app => app.close())]))
  const client = await dial(proxy.listener.address)

  for (let n = 0; n < 6; n++) {
    client.clear()
    client.send(GET)
    await client.until('hello')
  }

  const { stats } = proxy.sender.clusters()[0]!
  assert.deepEqual([stats.cxActive, stats.rqTotal, apps[0]!.calls.length, apps[1]!.calls.length], [1, 6, 3, 3])
})

const hasNghttpd = (() => {
  try {
    execFileSync('nghttpd', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

test('nghttpd serves through the proxy: files of all sizes, many at once', {
  skip: hasNghttpd ? false : 'no nghttpd on this machine',
}, async t => {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-nghttpd-`)
  const sizes = [0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 1_000_000]
  for (const size of sizes) writeFileSync(`${folder}/${size}`, Buffer.alloc(size, 'z'))
  const probe = createServer()
  const { port } = await listen(probe, { host: '127.0.0.1', port: 0 })
  await new Promise(resolve => probe.close(resolve))
  const server = spawn('nghttpd', ['--no-tls', '-a', '127.0.0.1', '-d', folder, '--echo-upload', String(port)])
  const proxy = await harness({ upstream: http2Upstream([`127.0.0.1:${port}`]) })
  t.after(async () => {
    await proxy.close()
    server.kill()
    rmSync(folder, { recursive: true })
  })
  const { host, port: ours } = proxy.listener.address
  await until(
    'nghttpd',
    () => fetch(`http://${host}:${ours}/1`).then(answer => answer.status),
    status => status === 200,
  )

  const asked = sizes.flatMap(size => Array.from({ length: 8 }, () => size))
  const got = await Promise.all(
    asked.map(async size => (await (await fetch(`http://${host}:${ours}/${size}`)).arrayBuffer()).byteLength),
  )

  assert.deepEqual(got, asked)
  assert.equal(proxy.sender.clusters()[0]!.stats.http2.connectionErrors, 0)
})
