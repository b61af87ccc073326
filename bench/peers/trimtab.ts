import { writeFileSync } from 'node:fs'
import type { SnapshotLine, Upstream } from '../../protocol/snapshot.ts'
import { nodeFlags } from '../../runtime/node-flags.ts'
import { type Measured, PROXY_CORE, start } from '../support/process.ts'
import type { World } from '../support/world.ts'

export interface ProxyShape {
  port: number
  versions: Readonly<Record<string, readonly number[]>>
  /** What the endpoints speak; default: HTTP/1.1. */
  protocol?: Upstream['protocol']
}

/** Our proxy with everything on: policy from a file, spans of every request and traffic reports to the sink. */
export async function trimtabProxy(world: World, shape: ProxyShape): Promise<Measured> {
  const file = `${world.folder}/snapshot-${shape.port}.json`
  writeFileSync(file, JSON.stringify(snapshot(shape)))
  const ready = { host: '127.0.0.1', port: shape.port }
  const command = await trimtabCommand(world, { service: 'caller', snapshotFile: file, outboundPort: shape.port })
  return start(command, { core: PROXY_CORE, ready })
}

export interface CommandShape {
  service: string
  snapshotFile: string
  /** Default: any free one. */
  outboundPort?: number
  inboundPort?: number
  /** Default: nobody there. */
  appPort?: number
}

/** Spans of every request and traffic reports go to the sink. */
export async function trimtabCommand(world: Pick<World, 'take' | 'sinkPort'>, shape: CommandShape): Promise<string[]> {
  const at = (port: number) => `127.0.0.1:${port}`
  const any = async (port: number | undefined) => at(port ?? (await world.take()))
  const sink = `http://${at(world.sinkPort)}`
  // biome-ignore format: one flag with its value
  const flags = ['--service', shape.service, '--app', at(shape.appPort ?? 9), '--app-metrics', 'none', '--snapshot', shape.snapshotFile,
    '--outbound', await any(shape.outboundPort), '--inbound', await any(shape.inboundPort), '--metrics', await any(undefined), '--admin', await any(undefined),
    '--zipkin', `${sink}/api/v2/spans`, '--collector', sink, '--log-level', 'error']
  return [process.execPath, ...nodeFlags, 'cli/trimtab.ts', 'proxy', ...flags]
}

/** Our proxy alone before one TCP port. */
export async function trimtabTcp(
  core: number,
  ports: { port: number; upstream: number; metricsPort: number; adminPort: number },
): Promise<Measured> {
  const at = (port: number) => `127.0.0.1:${port}`
  // biome-ignore format: one flag with its value
  const flags = ['--listen', at(ports.port), '--to', `tcp://${at(ports.upstream)}`, '--metrics', at(ports.metricsPort), '--admin', at(ports.adminPort), '--log-level', 'error']
  return start([process.execPath, ...nodeFlags, 'cli/trimtab.ts', 'proxy', ...flags], {
    core,
    ready: { host: '127.0.0.1', port: ports.port },
  })
}

/** A policy with everything on: a route, a split, retries armed, limits, the local fuse. */
export function snapshot({ versions, protocol = 'http' }: Pick<ProxyShape, 'versions' | 'protocol'>): SnapshotLine {
  const retries = {
    attempts: 2,
    on: ['5xx' as const, 'connect-failure' as const],
    statusCodes: [],
    perTryTimeoutMs: 3000,
    budget: 0.2,
    budgetPerSecond: 10,
    backoffBaseMs: 25,
    backoffMaxMs: 250,
  }
  const limits = { maxConnections: 1024, maxPending: 1024, maxRequests: 1024, maxRetries: 10 }
  const upstream: Upstream = {
    service: 'backend',
    protocol,
    timeoutMs: 15_000,
    connectTimeoutMs: 1000,
    idleTimeoutMs: 60_000,
    retries,
    limits,
    balancing: 'least-request',
    passiveHealthCheck: {
      intervalMs: 10_000,
      maxFailures: 3,
      baseEjectionMs: 30_000,
      maxEjectionMs: 300_000,
      maxEjected: 0.5,
      panicBelow: 0.5,
    },
    routes: [{ name: 'debug', match: { headers: { 'x-debug': { exact: '1' } } }, to: { version: 'v1' } }],
    versions: Object.fromEntries(Object.keys(versions).map(name => [name, { weight: 50 }])),
    endpoints: Object.entries(versions).flatMap(([version, ports]) =>
      ports.map(port => ({
        id: `${version}-${port}`,
        address: `127.0.0.1:${port}`,
        version,
        health: 'healthy' as const,
      })),
    ),
    mesh: true,
  }
  return {
    epoch: 1,
    sections: {
      listener: {
        version: 1,
        value: {
          mesh: 'bench',
          trustDomain: 'bench.mesh',
          service: 'caller',
          kind: 'sidecar',
          protocol: 'http',
          app: { timeoutMs: 15_000, connectTimeoutMs: 1000, idleTimeoutMs: 60_000, limits },
          routes: [],
          mtls: 'off',
        },
      },
      telemetry: { version: 1, value: { sample: 1, sharedSpanContext: false, outsideContext: 'continue' } },
      'upstream/backend': { version: 1, value: upstream },
    },
  }
}
