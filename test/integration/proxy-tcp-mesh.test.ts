import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import type { Intentions } from '../../protocol/intentions.ts'
import { type Address, parseAddress } from '../../runtime/address.ts'
import { testAuthority } from '../support/certificates.ts'
import { fakeControl } from '../support/fake-control.ts'
import { type RunningProxy, statOf } from '../support/mesh-pair.ts'
import { adminOf } from '../support/mesh-proxy.ts'
import { addressOfNobody } from '../support/nobody.ts'
import { dial, type Origin, origin } from '../support/proxy-sockets.ts'
import { retriesAtOnce } from '../support/tcp-harness.ts'
import { everybodyMay, only, ruleFor, tcpPair } from '../support/tcp-pair.ts'
import { until } from '../support/until.ts'

const echo = (): Promise<Origin> => origin(({ socket }) => void socket.pipe(socket))
const eventually = (what: string, ask: () => Promise<number>, value: number) => until(what, ask, now => now === value)

test('a connection goes from proxy to proxy by mTLS, and both ends are told as they end', async t => {
  const app = await echo()
  const { db, port } = await tcpPair(t, await fakeControl(), app)
  const client = await dial(port)

  client.send('ping')
  await client.until('ping')
  client.socket.end()

  await client.closed()
  await (await app.wire(0)).closed()
  assert.equal(await statOf(db, 'envoy_listener_ssl_handshake', 'inbound'), 1)
})

for (const who of ['client', 'server'] as const)
  test(`a reset by the ${who} crosses the TLS between the proxies`, async t => {
    const app = await origin(wire => wire.send('hello'))
    const { port } = await tcpPair(t, await fakeControl(), app)
    const client = await dial(port)
    await client.until('hello')
    const server = app.wires.find(({ socket }) => !socket.destroyed)!
    const [from, to] = who === 'server' ? [server, client] : [client, server]
    const failed = once(to.socket, 'error')

    from.reset()

    const [error] = (await failed) as [NodeJS.ErrnoException]
    assert.equal(error.code, 'ECONNRESET')
  })

test('a caller that no intention lets in is reset before the application hears of it, counted, and not held against the host', async t => {
  const app = await echo()
  const { db, report, port, tell } = await tcpPair(t, await fakeControl(), app, {
    change: { passiveHealthCheck: fuse },
  })
  tell(only(ruleFor('allow', 'audit')))
  await until(
    'the intentions',
    () => refused(port),
    is => is,
  )
  const before = await statOf(db, 'envoy_connect_authz_rbac_denied')
  const heard = app.wires.filter(({ received }) => received !== '').length

  assert.equal(await endOf(port), 'reset')

  assert.equal(await statOf(db, 'envoy_connect_authz_rbac_denied'), before + 1)
  assert.equal(await statOf(db, 'trimtab_intention_requests_total', 'intention="default"', 'action="deny"'), before + 1)
  assert.equal(app.wires.filter(({ received }) => received !== '').length, heard)
  assert.equal(await statOf(report, 'envoy_cluster_outlier_detection_ejections_active'), 0)
  assert.equal(await statOf(report, 'envoy_cluster_upstream_cx_connect_fail', 'db'), 0)
})

const fuse = {
  intervalMs: 10_000,
  maxFailures: 1,
  baseEjectionMs: 30_000,
  maxEjectionMs: 30_000,
  maxEjected: 1,
  panicBelow: 0,
}

/** Whether a new connection is turned away; one that is carried echoes. */
async function refused(port: Address): Promise<boolean> {
  const client = await dial(port)
  client.send('x')
  await until(
    'an echo or an end',
    () => client.received !== '' || client.ended,
    over => over,
  )
  client.socket.destroy()
  return client.received === ''
}

/** How the connection of a client ends that says something: by a reset, or by an end. */
async function endOf(port: Address): Promise<'reset' | 'end'> {
  const client = await dial(port)
  const failed = new Promise<boolean>(resolve => {
    client.socket.once('error', () => resolve(true))
    client.socket.once('end', () => resolve(false))
  })
  client.send('x')
  const isReset = await failed
  client.socket.destroy()
  return isReset ? 'reset' : 'end'
}

test('a change of intentions resets what stands within a second, and leaves what is still allowed', async t => {
  const app = await echo()
  const { db, port, tell } = await tcpPair(t, await fakeControl(), app)
  tell(only(ruleFor('allow', 'report')))
  const client = await dial(port)
  client.send('one')
  await client.until('one')
  tell(only(ruleFor('allow', 'report', { name: 'another' }), ruleFor('allow', 'audit')))
  await until(
    'the other intentions',
    () => refused(port),
    is => !is,
  )
  client.send('two')
  await client.until('two')
  const reset = once(client.socket, 'error')
  const toldMs = performance.now()

  tell(only(ruleFor('deny', 'report')))

  await reset
  assert.ok(performance.now() - toldMs < 1000, `it took ${performance.now() - toldMs} ms`)
  await eventually('no open connection', () => statOf(db, 'trimtab_tcp_downstream_cx_active', 'inbound'), 0)
  assert.ok((await statOf(db, 'trimtab_intention_requests_total', 'db deny report')) >= 1)
})

test('a dry-run intention is counted and cuts nothing', async t => {
  const { db, port, tell } = await tcpPair(t, await fakeControl(), await echo())
  tell(only(ruleFor('deny', 'report', { name: 'soon', dryRun: true }), ruleFor('allow', 'report')))
  await until(
    'the intentions',
    async () => {
      await refused(port)
      return statOf(db, 'envoy_connect_authz_rbac_shadow_denied')
    },
    count => count > 0,
  )

  assert.equal(await refused(port), false)
})

test('explain says of a connection what a connection meets', async t => {
  const { db, report, port, tell } = await tcpPair(t, await fakeControl(), await echo())
  const explained = async (source: string) =>
    JSON.parse(await adminOf(db, `/explain?url=tcp://db&source=${source}`)) as Record<string, unknown>
  const cases: [Intentions, boolean, string][] = [
    [only(ruleFor('allow', 'report')), false, 'db allow report'],
    [only(ruleFor('allow', 'report', { methods: ['GET'] })), true, 'default'],
    [{ ...everybodyMay, rules: [ruleFor('deny', 'report', { path: '/admin' })] }, true, 'db deny report'],
  ]
  for (const [intentions, denied, by] of cases) {
    tell(intentions)
    await until(
      'the intentions',
      () => explained('report'),
      ({ intention }) => intention === by,
    )

    const told = await explained('report')

    assert.deepEqual([told['verdict'], told['protocol']], [denied ? 'deny' : 'allow', 'tcp'])
    assert.equal(await refused(port), denied)
  }
  const route = JSON.parse(await adminOf(report, '/explain?url=tcp://db')) as Record<string, unknown>
  assert.deepEqual([route['status'], route['service'], route['versions']], ['routed', 'db', { v1: 1 }])
})

test('clear text at a strict port is closed without a word and counted', async t => {
  const { db } = await tcpPair(t, await fakeControl(), await origin(wire => wire.send('hello')))
  const client = await dial(parseAddress(db.addresses['inbound']!)!)

  client.send('PING\r\n')

  assert.equal(await client.closed(), '')
  assert.equal(await statOf(db, 'trimtab_listener_plain_connections_refused_total', 'inbound'), 1)
})

test('in permissive mode a client in clear text may wait for the server to speak first', async t => {
  const app = await origin(wire => wire.send('220 ready'))
  const { db, port } = await tcpPair(t, await fakeControl(), app, { mtls: 'permissive' })

  const plain = await dial(parseAddress(db.addresses['inbound']!)!)
  const secured = await dial(port)

  await Promise.all([plain.until('220 ready'), secured.until('220 ready')])
  for (const { socket } of [plain, secured]) socket.destroy()
})

test('with mTLS off the hop is clear text and the server may speak first', async t => {
  const app = await origin(wire => wire.send('220 ready'))
  const { port } = await tcpPair(t, await fakeControl(), app, { mtls: 'off' })

  const client = await dial(port)

  await client.until('220 ready')
  client.socket.destroy()
})

test('whatever ALPN a client of TCP offers, it is taken, and nothing is chosen', async t => {
  const control = await fakeControl()
  const { db } = await tcpPair(t, control, await echo())
  const { key, chain } = await control.authority.certify({
    spiffeId: 'spiffe://demo.mesh/ns/default/dc/dc1/svc/report',
  })
  const { host, port } = parseAddress(db.addresses['inbound']!)!
  const socket = connectTls({ host, port, key, cert: chain, rejectUnauthorized: false, ALPNProtocols: ['postgresql'] })
  await once(socket, 'secureConnect')

  socket.write('ping')

  assert.equal(String((await once(socket, 'data'))[0]), 'ping')
  assert.equal(socket.alpnProtocol, false)
  socket.destroy()
})

test('a caller whose certificate comes from elsewhere is refused in the handshake', async t => {
  const { db } = await tcpPair(t, await fakeControl(), await echo())
  const stranger = await testAuthority('demo.mesh')
  const { key, chain } = await stranger.certify({ spiffeId: 'spiffe://demo.mesh/ns/default/dc/dc1/svc/report' })
  const { host, port } = parseAddress(db.addresses['inbound']!)!
  const socket = connectTls({ host, port, key, cert: chain, rejectUnauthorized: false })
  socket.on('error', () => {})

  await once(socket, 'close')

  assert.equal(await statOf(db, 'trimtab_tls_handshake_failures_total', 'side="server"', 'unknown_issuer'), 1)
})

test('an endpoint that proves another identity carries nothing', async t => {
  const { report, port, way } = await tcpPair(t, await fakeControl(), await echo())
  way({ peerSpiffeId: 'spiffe://demo.mesh/ns/default/dc/dc1/svc/other' })
  await until(
    'the other way',
    async () => {
      await refused(port)
      return statOf(report, 'trimtab_tls_handshake_failures_total', 'wrong_identity')
    },
    count => count > 0,
  )

  assert.equal(await refused(port), true)
})

test('renewed certificates and a new root leave a connection standing', async t => {
  const control = await fakeControl()
  const { db, report, port } = await tcpPair(t, control, await echo())
  const client = await dial(port)
  client.send('before')
  await client.until('before')
  const certificates = control.given.length
  control.rotate([control.authority, await testAuthority('demo.mesh')])
  for (const proxy of [db, report]) await fetch(`http://${proxy.addresses['admin']}/certs/renew`, { method: 'POST' })
  await until(
    'new certificates',
    () => control.given.length,
    count => count >= certificates + 2,
  )

  client.send('after')

  await client.until('after')
  assert.equal(await refused(port), false)
  client.socket.destroy()
})

test('an application that is not there ends the connection, and its host is held to account for it', async t => {
  const gone = await origin()
  await gone.close()
  const { report, port } = await tcpPair(t, await fakeControl(), gone, { change: { passiveHealthCheck: fuse } })
  const client = await dial(port)

  const said = await client.closed()

  assert.equal(said, '')
  await eventually('an ejection', () => statOf(report, 'envoy_cluster_outlier_detection_ejections_active', 'db'), 1)
  client.socket.destroy()
})

test('an HTTP request that names a tcp service is told how to reach it', async t => {
  const { report } = await tcpPair(t, await fakeControl(), await echo())

  const client = await dial(parseAddress(report.addresses['outbound']!)!)
  client.send('GET / HTTP/1.1\r\nHost: db\r\nConnection: close\r\n\r\n')
  const said = await client.closed()

  assert.match(said, /^HTTP\/1\.1 404 [\s\S]*db is a tcp service: reach it through a port of its own, --upstream db=/)
})

test('a service that its caller may not know any more is closed and counted as without a route', async t => {
  const control = await fakeControl()
  const { report, port } = await tcpPair(t, control, await echo())
  control.tell('report', { 'upstream/db': null })
  await until(
    'a policy without db',
    () => adminOf(report, '/clusters'),
    text => !text.includes('db::'),
  )
  const client = await dial(port)

  const said = await client.closed()

  assert.equal(said, '')
  assert.equal(await statOf(report, 'envoy_tcp_downstream_cx_no_route', 'upstream-db'), 1)
  client.socket.destroy()
})

test('a connection more than the limit allows is closed and counted', async t => {
  const limits = { maxConnections: 1, maxPending: 1, maxRequests: 1, maxRetries: 1 }
  const { report, port } = await tcpPair(t, await fakeControl(), await echo(), { change: { limits } })
  const first = await dial(port)
  first.send('kept')
  await first.until('kept')
  const second = await dial(port)

  const said = await second.closed()

  assert.equal(said, '')
  assert.equal(await statOf(report, 'envoy_cluster_upstream_cx_overflow', 'db'), 1)
  first.send('still')
  await first.until('still')
  for (const { socket } of [first, second]) socket.destroy()
})

test('a host that takes no connection costs a try: another one carries it', async t => {
  const { db, report, port, way } = await tcpPair(t, await fakeControl(), await echo())
  const nobody = await addressOfNobody()
  way({ retries: retryOnce }, [nobody, db.addresses['inbound']!])
  await until(
    'both endpoints',
    () => adminOf(report, '/clusters'),
    text => text.includes(nobody),
  )

  const ways = await Promise.all([refused(port), refused(port), refused(port), refused(port)])

  assert.deepEqual(ways, [false, false, false, false])
  assert.ok((await statOf(report, 'envoy_cluster_upstream_cx_connect_fail', 'db')) >= 1)
})

const retryOnce = { ...retriesAtOnce, attempts: 1, on: ['connect-failure' as const] }

test('a proxy that drains takes no new connection, lets those that stand go on, and cuts them when the time is over', async t => {
  const { report, port } = await tcpPair(t, await fakeControl(), await echo())
  const client = await dial(port)
  client.send('before')
  await client.until('before')
  await fetch(`http://${report.addresses['admin']}/drain_listeners`, { method: 'POST' })
  const late = connect(port.port, port.host)
  const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException]

  client.send('draining')

  await client.until('draining')
  assert.equal(error.code, 'ECONNREFUSED')
  await report.close()
  await client.closed()
})

test('config_dump shows the TCP proxy and its intentions as Envoy does, and /listeners what each port carries', async t => {
  const { db, report, tell } = await tcpPair(t, await fakeControl(), await echo(), {
    change: { versions: { v1: { weight: 3 }, v2: { weight: 1 } }, idleTimeoutMs: 3_600_000, retries: retryOnce },
  })
  tell(only(ruleFor('allow', 'report')))
  const inbound = await until(
    'the intentions',
    () => filtersOf(db, 'inbound'),
    filters => JSON.stringify(filters).includes('consul-intentions-layer4-0'),
  )

  const outbound = await filtersOf(report, 'upstream-db')

  assert.deepEqual(
    inbound.map(({ name, typed_config: { stat_prefix, cluster } }) => [name, stat_prefix, cluster]),
    [
      ['envoy.filters.network.rbac', 'connect_authz', undefined],
      ['envoy.filters.network.tcp_proxy', 'inbound', 'local_app'],
    ],
  )
  const { '@type': _, ...tcpProxy } = outbound[0]!.typed_config
  assert.deepEqual(tcpProxy, {
    stat_prefix: 'upstream-db',
    weighted_clusters: {
      clusters: [
        { name: 'v1.db', weight: 3 },
        { name: 'v2.db', weight: 1 },
      ],
    },
    idle_timeout: '3600s',
    max_connect_attempts: 2,
  })
  const { listener_statuses: listeners } = JSON.parse(await adminOf(report, '/listeners?format=json')) as {
    listener_statuses: { name: string; trimtab: { carries: string } }[]
  }
  assert.deepEqual(
    listeners.map(({ name, trimtab }) => [name, trimtab.carries]),
    [
      ['inbound', 'http'],
      ['outbound', 'http'],
      ['upstream-db', 'tcp'],
    ],
  )
})

interface NetworkFilter {
  name: string
  typed_config: Record<string, unknown>
}

async function filtersOf(proxy: RunningProxy, name: string): Promise<NetworkFilter[]> {
  const { configs } = JSON.parse(await adminOf(proxy, '/config_dump')) as {
    configs: {
      dynamic_listeners?: {
        name: string
        active_state: { listener: { filter_chains: { filters: NetworkFilter[] }[] } }
      }[]
    }[]
  }
  const found = configs.flatMap(({ dynamic_listeners = [] }) => dynamic_listeners).find(one => one.name === name)
  return found!.active_state.listener.filter_chains[0]!.filters
}

test('a host of a version that control gave no weight gets no connection', async t => {
  const [one, other] = [await origin(wire => wire.send('one')), await origin(wire => wire.send('other'))]
  t.after(() => other.close())
  const { port, way } = await tcpPair(t, await fakeControl(), one, { mtls: 'off' })
  const said = async () => {
    const client = await dial(port)
    const text = await client.until(/one|other/)
    client.socket.destroy()
    return text
  }
  for (const [v1, v2, expected] of [
    [0, 1, 'other'],
    [1, 0, 'one'],
  ] as const) {
    way({
      versions: { v1: { weight: v1 }, v2: { weight: v2 } },
      endpoints: [
        { id: 'a', address: one.address, version: 'v1', health: 'healthy' },
        { id: 'b', address: other.address, version: 'v2', health: 'healthy' },
      ],
    })
    await until('the weights', said, text => text === expected)

    assert.deepEqual(await Promise.all([said(), said(), said(), said()]), Array(4).fill(expected))
  }
})

test('a connection that stands stays when its host is ejected', async t => {
  const app = await echo()
  const { db, port, report, way } = await tcpPair(t, await fakeControl(), app)
  const client = await dial(port)
  client.send('before')
  await client.until('before')

  way({ endpoints: [{ id: 'e0', address: db.addresses['inbound']!, version: 'v1', health: 'ejected' }] })
  await until(
    'the ejection',
    () => adminOf(report, '/clusters?format=json'),
    text => text.includes('UNHEALTHY'),
  )
  client.send('after')

  await client.until('after')
  client.socket.destroy()
})
