import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { type Child, child } from '../../cli/up/child.ts'
import { anyPortsOn } from '../../cli/up/ports.ts'

/** Control, a collector and proxies in processes of their own, for a benchmark; all of them end with it. */
export interface BenchMesh {
  /** host:port of control's API. */
  readonly api: string
  /** A free host:port. */
  take(): Promise<string>
  /** Puts another mesh file in its place; control watches it. */
  file(text: string): void
  /** A proxy beside `app`; `control`: http://... or https://... with a join token. */
  proxy(proxy: BenchProxy): Promise<{ outbound: string; admin: string }>
  close(): Promise<void>
}

export interface BenchProxy {
  service: string
  version: string
  app: string
  joinToken?: string
}

export async function benchMesh(
  name: string,
  meshFile: string,
  controlFlags: readonly string[] = [],
): Promise<BenchMesh> {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-${name}-`)
  const ports = anyPortsOn('127.0.0.1', Math.random)
  const take = async () => `127.0.0.1:${await ports.take(0, 'bench')}`
  const file = `${folder}/mesh.yaml`
  writeFileSync(file, meshFile)
  const started: Child[] = []
  const program = async (of: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const one = child({
      name: of,
      script: 'cli/trimtab.ts',
      args: [...args, '--log-level', 'warn', '--until-parent-gone'],
      env: { ...process.env, ...env },
      logFile: `${folder}/${of}.log`,
      isReady: line => line['msg'] === 'ready',
      onDeath: () => {},
      onReturn: () => {},
    })
    started.push(one)
    await one.start()
  }
  const [api, zipkin] = [await take(), await take()]
  // biome-ignore format: one flag with its value
  await program('collector', ['collector', '--data', `${folder}/collector`, '--zipkin', zipkin, '--health', await take(), '--telemetry', await take(), '--clickhouse', 'off'])
  // biome-ignore format: one flag with its value
  await program('control', ['control', '--doors', 'open-loopback', '--config', file, '--data', `${folder}/control`, '--listen', api, '--collector', `http://${zipkin}`, ...controlFlags])
  return {
    api,
    take,
    file: text => writeFileSync(file, text),
    async proxy({ service, version, app, joinToken }) {
      const [outbound, admin] = [await take(), await take()]
      const instance = `${service}-${version}`
      const control = `${joinToken === undefined ? 'http' : 'https'}://${api}`
      await program(
        `proxy-${instance}`,
        // biome-ignore format: one flag with its value
        ['proxy', '--service', service, '--version', version, '--instance', instance, '--app', app, '--app-metrics', 'none', '--inbound', await take(), '--outbound', outbound, '--metrics', await take(), '--admin', admin, '--control', control],
        joinToken === undefined ? {} : { TRIMTAB_PROXY_JOIN_TOKEN: joinToken },
      )
      return { outbound, admin }
    },
    async close() {
      await Promise.all(started.map(one => one.stop(3000)))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
