import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { createListener, type Listener } from '../../../../proxy/accept/listener.ts'
import { answerWith } from '../../../../proxy/accept/proxy-answer.ts'
import type { Security } from '../../../../proxy/accept/security.ts'
import type { ListenerLimits } from '../../../../proxy/accept/settings.ts'
import { failure } from '../../../../proxy/failures.ts'
import { systemClock } from '../../../../runtime/clock.ts'
import { silentLog } from '../../../../runtime/log.ts'
import { testAuthority } from '../../../support/certificates.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/until.ts'

async function listening(t: TestContext, limits: Partial<ListenerLimits>, clock = systemClock): Promise<Listener> {
  const own = await (await testAuthority()).certify({ spiffeId: 'spiffe://demo.mesh/ns/default/dc/dc1/svc/a' })
  const security: Security = {
    mode: 'strict',
    tls: { key: own.key, cert: own.chain },
    judge: () => ({ status: 'ok', source: '', sourceId: '', clientCertificate: '' }),
    plainRefusal: 'TLS alone',
  }
  const listener = await createListener(
    { address: { host: '127.0.0.1', port: 0 }, direction: 'inbound', security: () => security, limits },
    { clock, log: silentLog, handler: exchange => answerWith(exchange, failure('NR', 'nothing here'), clock.now()) },
  )
  t.after(() => {
    const closed = listener.close(0)
    if ('advance' in clock) (clock as ReturnType<typeof manualClock>).advance(0)
    return closed
  })
  return listener
}

const dial = ({ address }: Listener, maxVersion?: 'TLSv1.2'): TLSSocket =>
  connect({ ...address, rejectUnauthorized: false, ...(maxVersion === undefined ? {} : { maxVersion }) })

/** The first bytes of a ClientHello, and nothing more. */
const HALF_HELLO = Buffer.from([22, 3, 1, 1, 0, 1, 0, 0])

test('a client that does not finish its handshake in time is let go, and counted', async t => {
  const clock = manualClock()
  const listener = await listening(t, { handshakeTimeoutMs: 1000 }, clock)
  const socket = connectTcp(listener.address)
  socket.on('error', () => {})
  socket.write(HALF_HELLO)
  await until(
    'the handshake',
    () => clock.timers,
    timers => timers > 1,
  )
  const closed = once(socket, 'close')

  await until(
    'the time-out',
    () => clock.advance(600),
    () => listener.stats.tls.faults.timeout > 0,
  )
  await closed

  assert.equal(listener.stats.tls.faults.timeout, 1)
  assert.equal(listener.stats.tls.faults.broken_off, 0)
  await until(
    'the end',
    () => listener.stats.cxActive,
    active => active === 0,
  )
})

test('past the bound of handshakes under way one more is closed at once, and a place that comes free is given again', async t => {
  const listener = await listening(t, { handshakesMax: 2 })
  const slow = [connectTcp(listener.address), connectTcp(listener.address)]
  for (const socket of slow) {
    socket.on('error', () => {})
    socket.write(HALF_HELLO)
  }
  await until(
    'two connections',
    () => listener.stats.cxActive,
    active => active === 2,
  )
  const refused = dial(listener)
  refused.on('error', () => {})

  await until(
    'the refusal',
    () => listener.stats.tls.faults.overflow,
    count => count === 1,
  )
  slow[0]!.destroy()
  await until(
    'a free place',
    () => listener.stats.tls.faults.broken_off,
    count => count === 1,
  )
  const taken = dial(listener)

  await until(
    'a handshake',
    () => listener.stats.tls.handshakes,
    count => count === 1,
  )
  slow[1]!.destroy()
  taken.destroy()
})

test('handshakes that fail in every way leave nothing behind', async t => {
  const listener = await listening(t, {})
  for (let n = 0; n < 5; n++) {
    const early = connectTcp(listener.address)
    early.on('error', () => {})
    early.write(HALF_HELLO)
    early.end()
    const rubbish = connectTcp(listener.address)
    rubbish.on('error', () => {})
    rubbish.write(Buffer.concat([Buffer.from([22]), Buffer.alloc(200, 7)]))
    const reset = connectTcp(listener.address, () => {
      reset.write(HALF_HELLO)
      reset.resetAndDestroy()
    })
    reset.on('error', () => {})
    const silent = connectTcp(listener.address, () => silent.destroy())
    silent.on('error', () => {})
    const older = connect({
      ...listener.address,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL@SECLEVEL=0',
    })
    older.on('error', () => {})
  }

  // A reset that came before the connection was accepted is no connection.
  await until(
    'the end of all',
    () => listener.stats,
    ({ cxTotal, cxActive, tls }) => cxTotal >= 20 && cxActive === 0 && tls.active === 0,
  )

  const { faults, handshakes } = listener.stats.tls
  assert.equal(handshakes, 0)
  assert.ok(faults.protocol + faults.broken_off + faults.plain_text >= 15, JSON.stringify(faults))
  const good = dial(listener)
  await once(good, 'secureConnect')
  good.destroy()
})

/** The first message of a client, as it goes over the wire. */
async function clientHello(): Promise<Buffer> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
  client.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  const [hello] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  server.close()
  return hello
}

test('a hundred clients that begin in one moment do not hold up a request of one that is there already', async t => {
  const listener = await listening(t, {})
  const hello = await clientHello()
  const early = dial(listener)
  await once(early, 'secureConnect')
  const crowd = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const socket = connectTcp(listener.address)
      await once(socket, 'connect')
      return socket
    }),
  )
  await until(
    'the crowd',
    () => listener.stats.cxActive,
    active => active === 101,
  )
  let greeted = 0
  for (const socket of crowd) socket.once('data', () => greeted++)

  for (const socket of crowd) socket.write(hello)
  early.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(early, 'data')

  assert.ok(greeted < 50, `${greeted} of the crowd were greeted before the request was answered`)
  await until(
    'the whole crowd',
    () => greeted,
    count => count === 100,
  )
  for (const socket of [early, ...crowd]) socket.destroy()
})
