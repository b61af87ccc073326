import type { TestContext } from 'node:test'
import { spiffeIdOf } from '../../protocol/identity.ts'
import type { Listener, Upstream } from '../../protocol/snapshot.ts'
import { type Address, parseAddress } from '../../runtime/address.ts'
import type { FakeControl } from './fake-control.ts'
import { adminOf, listenerOf, meshProxy } from './mesh-proxy.ts'
import { upstreamOf } from './proxy-harness.ts'
import { dial, type Origin, type Wire } from './proxy-sockets.ts'
import { until } from './until.ts'

export const EXPENSE = spiffeIdOf({ trustDomain: 'demo.mesh', dc: 'dc1' }, 'expense')
export const REPORT = spiffeIdOf({ trustDomain: 'demo.mesh', dc: 'dc1' }, 'report')

export type RunningProxy = Awaited<ReturnType<typeof meshProxy>>

export interface MeshPair {
  expense: RunningProxy
  report: RunningProxy
  /** Where report's application would ask. */
  outbound: Address
  /** Tells expense's proxy another mode. */
  mode(mtls: Listener['mtls']): void
  /** Tells report's proxy another way to expense. */
  way(change: Partial<Upstream>, address?: string): void
}

/** report's proxy calls expense's proxy, which stands before an application. */
export async function meshPair(
  t: TestContext,
  control: FakeControl,
  app: Origin,
  { mtls = 'strict', change = {} }: { mtls?: Listener['mtls']; change?: Partial<Upstream> } = {},
): Promise<MeshPair> {
  const mode: MeshPair['mode'] = now => control.tell('expense', { listener: listenerOf('expense', now) })
  mode(mtls)
  const expense = await meshProxy(
    ['--service', 'expense', '--app', app.address, '--control', control.url],
    control.token,
  )
  const way: MeshPair['way'] = (next, address = expense.addresses['inbound']!) =>
    control.tell('report', {
      listener: listenerOf('report', 'strict'),
      'upstream/expense': upstreamOf([address], { peerSpiffeId: EXPENSE, ...change, ...next }),
    })
  way({})
  const report = await meshProxy(
    ['--service', 'report', '--app', '127.0.0.1:9', '--control', control.url],
    control.token,
  )
  t.after(() => Promise.all([report.close(), expense.close(), control.close(), app.close()]))
  for (const proxy of [expense, report]) await identified(proxy)
  return { expense, report, outbound: parseAddress(report.addresses['outbound']!)!, mode, way }
}

/** Resolves when the proxy has a certificate and a policy. */
export function identified(proxy: RunningProxy): Promise<string> {
  return until(
    'a proxy with an identity',
    () => adminOf(proxy, '/ready'),
    text => text.startsWith('LIVE') && text.includes('identity: ok'),
  )
}

/** One request on a connection of its own; what came back. */
export async function askOnce(address: Address, host = 'expense', path = '/a'): Promise<string> {
  const client = await dial(address)
  client.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  const said = await client.closed()
  client.socket.destroy()
  return said
}

/** The proxy also looks every now and then whether the application takes connections: those say nothing. */
export const heardBy = (app: Origin): string => app.wires.map(({ received }) => received).join('')

/** Asks without pause, on several connections, until stopped; tells how many answers were good, and those that were not. */
export async function load(
  address: Address,
  connections: number,
): Promise<{ stop(): Promise<{ good: number; bad: string[] }> }> {
  let good = 0
  const bad: string[] = []
  let stopping = false
  const run = async (client: Wire) => {
    while (!stopping) {
      client.clear()
      client.send('GET /load HTTP/1.1\r\nHost: expense\r\n\r\n')
      const said = await client.until('hello').catch((error: Error) => error.message)
      if (said.startsWith('HTTP/1.1 200')) good++
      else bad.push(said)
      if (client.ended) break
    }
    client.socket.destroy()
  }
  const clients = await Promise.all(Array.from({ length: connections }, () => dial(address)))
  const running = clients.map(run)
  return {
    async stop() {
      stopping = true
      await Promise.all(running)
      return { good, bad }
    },
  }
}

/** The value of a metric of a proxy's, summed over what fits. */
export async function statOf(proxy: RunningProxy, name: string, ...labels: string[]): Promise<number> {
  const text = await adminOf(proxy, `/stats?filter=^${name}`)
  return text
    .split('\n')
    .filter(line => labels.every(label => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.split(': ').at(-1)), 0)
}
