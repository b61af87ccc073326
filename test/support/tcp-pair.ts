import type { TestContext } from 'node:test'
import { spiffeIdOf } from '../../protocol/identity.ts'
import type { Intention, Intentions } from '../../protocol/intentions.ts'
import type { Listener, Upstream } from '../../protocol/snapshot.ts'
import { type Address, parseAddress } from '../../runtime/address.ts'
import type { Log } from '../../runtime/log.ts'
import type { FakeControl } from './fake-control.ts'
import { identified, type RunningProxy } from './mesh-pair.ts'
import { listenerOf, meshProxy } from './mesh-proxy.ts'
import { upstreamOf } from './proxy-harness.ts'
import type { Origin } from './proxy-sockets.ts'

export const DB = spiffeIdOf({ trustDomain: 'demo.mesh', dc: 'dc1' }, 'db')

export interface TcpPair {
  /** The sidecar of db, and that of report, its caller. */
  db: RunningProxy
  report: RunningProxy
  /** Where report's application connects to reach db. */
  port: Address
  /** Tells db's proxy who may connect, or another mode. */
  tell(intentions: Intentions, mtls?: Listener['mtls']): void
  /** Tells report's proxy another way to db. */
  way(change: Partial<Upstream>, addresses?: readonly string[]): void
}

/** report's proxy carries TCP to db's proxy, which stands before an application. */
export async function tcpPair(
  t: TestContext,
  control: FakeControl,
  app: Pick<Origin, 'address' | 'close'>,
  {
    mtls: first = 'strict',
    change = {},
    flags = [],
    log,
  }: { mtls?: Listener['mtls']; change?: Partial<Upstream>; flags?: readonly string[]; log?: Log } = {},
): Promise<TcpPair> {
  const tell: TcpPair['tell'] = (intentions, mtls = first) =>
    control.tell('db', { listener: listenerOf('db', mtls, { protocol: 'tcp' }), intentions })
  tell(everybodyMay)
  const common = ['--control', control.url, '--drain', '50ms', ...flags]
  const db = await meshProxy(['--service', 'db', '--app', app.address, ...common], control.token, log)
  const secured = first === 'off' ? {} : { peerSpiffeId: DB }
  const way: TcpPair['way'] = (next, addresses = [db.addresses['inbound']!]) =>
    control.tell('report', {
      listener: listenerOf('report', 'strict'),
      'upstream/db': upstreamOf([...addresses], { service: 'db', protocol: 'tcp', ...secured, ...change, ...next }),
    })
  way({})
  const calls = ['--service', 'report', '--app', '127.0.0.1:9', '--upstream', 'db=0']
  const report = await meshProxy([...calls, ...common], control.token, log)
  t.after(async () => {
    await Promise.all([report.close(), db.close(), control.close()])
    await app.close()
  })
  for (const proxy of [db, report]) await identified(proxy)
  return { db, report, port: parseAddress(report.addresses['upstream-db']!)!, tell, way }
}

export const everybodyMay: Intentions = { default: 'allow', rules: [], jwt: {} }

/** Default deny, and these rules. */
export function only(...rules: Intention[]): Intentions {
  return { default: 'deny', rules, jwt: {} }
}

export function ruleFor(action: Intention['action'], service: string, more: Partial<Intention> = {}): Intention {
  return {
    name: `db ${action} ${service}`,
    action,
    dryRun: false,
    precedence: 9,
    source: { services: [service] },
    ...more,
  }
}
