import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { parseAddress } from '../../runtime/address.ts'
import { fakeControl } from '../support/fake-control.ts'
import { type KernelSocket, kernelSockets } from '../support/kernel-sockets.ts'
import { askOnce, meshPair } from '../support/mesh-pair.ts'
import { meshProxy } from '../support/mesh-proxy.ts'
import { answering, dial, origin } from '../support/proxy-sockets.ts'
import { tcpPair } from '../support/tcp-pair.ts'
import { until } from '../support/until.ts'

const skip = existsSync('/proc/net/tcp') ? false : 'this system does not tell of its sockets (/proc/net/tcp)'

/** Resolves when the kernel holds of each connection that was accepted at the port, or made to it, what is to hold. */
function eachHolds(side: 'accepted at' | 'made to', port: number, holds: (socket: KernelSocket) => boolean) {
  const place = side === 'made to' ? 'remotePort' : 'localPort'
  return until(
    `the keepalive of connections ${side} ${port}`,
    () => kernelSockets().filter(socket => socket[place] === port),
    found => found.length > 0 && found.every(holds),
  )
}

const askedAfter =
  (silenceMs: number) =>
  ({ timer, keepaliveMs }: KernelSocket): boolean =>
    timer === 'keepalive' && keepaliveMs > silenceMs - 15_000 && keepaliveMs <= silenceMs

const neverAsked = ({ timer }: KernelSocket): boolean => timer === 'none'

const portOf = (address: string) => parseAddress(address)!.port

test('every connection of a TCP mesh has the keepalive that was set, under mTLS as well', { skip }, async t => {
  const app = await origin(({ socket }) => void socket.pipe(socket))
  const { db, port } = await tcpPair(t, await fakeControl(), app, { flags: ['--tcp-keepalive', '37s'] })

  const client = await dial(port)
  client.send('ping')
  await client.until('ping')

  const between = portOf(db.addresses['inbound']!)
  await eachHolds('accepted at', port.port, askedAfter(37_000))
  await eachHolds('accepted at', between, askedAfter(37_000))
  await eachHolds('made to', between, askedAfter(37_000))
  await eachHolds('made to', portOf(app.address), askedAfter(37_000))
  client.socket.destroy()
})

test('where nothing is said, connections of HTTP are asked after a minute of silence', { skip }, async t => {
  const app = await origin(answering(() => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  const { expense, outbound } = await meshPair(t, await fakeControl(), app)

  await askOnce(outbound)

  const between = portOf(expense.addresses['inbound']!)
  await eachHolds('accepted at', between, askedAfter(60_000))
  await eachHolds('made to', between, askedAfter(60_000))
})

test('0s sets none', { skip }, async t => {
  const app = await origin(wire => wire.send('hello'))
  const flags = ['--listen', '127.0.0.1:0', '--to', `tcp://${app.address}`, '--tcp-keepalive', '0s', '--drain', '0ms']
  const proxy = await meshProxy(flags)
  t.after(() => Promise.all([proxy.close(), app.close()]))

  const client = await dial(parseAddress(proxy.addresses['listen']!)!)
  await client.until('hello')

  await eachHolds('accepted at', portOf(proxy.addresses['listen']!), neverAsked)
  await eachHolds('made to', portOf(app.address), neverAsked)
  client.socket.destroy()
})

const inNamespaces = ['--user', '--map-root-user', '--net']
const mayUnshare = spawnSync('unshare', [...inNamespaces, 'ip', 'link', 'add', 'type', 'veth']).status === 0
const noNamespaces = mayUnshare ? false : 'network namespaces may not be made here (unshare, ip)'

test('a client whose machine vanished without a farewell is let go', { skip: noNamespaces }, async () => {
  const script = [process.execPath, 'test/support/vanished-client.ts', '1s']

  const { stdout } = await promisify(execFile)('unshare', [...inNamespaces, ...script], { timeout: 60_000 })

  const { detail, durationMs } = JSON.parse(stdout) as { detail: string; durationMs: number }
  assert.equal(detail, 'the client broke off: read ETIMEDOUT')
  // A second of silence, and six questions a second apart.
  assert.ok(durationMs > 6000 && durationMs < 20_000, `${durationMs} ms`)
})
