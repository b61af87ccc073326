import type { JoinToken } from '../../protocol/identity.ts'
import type { Limits, Listener } from '../../protocol/snapshot.ts'
import { type ProxySettings, program, settings } from '../../proxy/config.ts'
import { createProxy, type Proxy as RunningProxy } from '../../proxy/proxy.ts'
import { roleOf } from '../../proxy/role.ts'
import { systemClock } from '../../runtime/clock.ts'
import { type Log, silentLog } from '../../runtime/log.ts'
import { readSettings } from '../../runtime/settings.ts'

/** A whole proxy in this process, on free ports, from the flags that a person would give. */
export async function meshProxy(
  flags: readonly string[],
  joinToken?: JoinToken,
  log: Log = silentLog,
): Promise<RunningProxy> {
  const any = ['--inbound', '--outbound', '--metrics', '--admin'].flatMap(flag => [flag, '127.0.0.1:0'])
  const read = readSettings(program, settings, { argv: [...any, '--app-metrics', 'none', ...flags], env: {} })
  if (read.status !== 'ok') throw new Error(JSON.stringify(read))
  const values: ProxySettings = { ...read.values, joinToken }
  const role = roleOf(values)
  if (role.kind === 'unclear') throw new Error(role.reason)
  return createProxy(role, values, { clock: systemClock, random: Math.random, log, quit: () => {} })
}

const limits: Limits = { maxConnections: 1000, maxPending: 1000, maxRequests: 10_000, maxRetries: 10 }

export function listenerOf(service: string, mtls: Listener['mtls'], change: Partial<Listener> = {}): Listener {
  return {
    mesh: 'demo',
    trustDomain: 'demo.mesh',
    service,
    kind: 'sidecar',
    protocol: 'http',
    app: { timeoutMs: 15_000, connectTimeoutMs: 1000, idleTimeoutMs: 60_000, limits },
    routes: [],
    mtls,
    ...change,
  }
}

/** What the admin interface of a proxy says. */
export async function adminOf(proxy: RunningProxy, path: string): Promise<string> {
  return (await fetch(`http://${proxy.addresses['admin']}${path}`)).text()
}
