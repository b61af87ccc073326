import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'

/** The compose file against our own programs; and against docker-compose where it is installed. */

interface Service {
  command?: string[]
  entrypoint?: string[]
  volumes?: string[]
  network_mode?: string
}
const services = Object.entries(
  (parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as { services: Record<string, Service> })
    .services,
)
const compose =
  spawnSync('docker-compose', ['--version']).status === 0
    ? false
    : 'docker-compose is not installed (apt-get install docker-compose)'

test('docker-compose finds nothing wrong with the file', { skip: compose }, () => {
  const { status, stderr } = spawnSync('docker-compose', ['-f', 'docker-compose.yml', 'config', '-q'], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
})

test('every flag that a container is given is known to its program', () => {
  const help = new Map<string, string>()
  for (const [name, { command = [], entrypoint }] of services) {
    const ours = entrypoint !== undefined || ['proxy', 'collector', 'control'].includes(command[0] ?? '')
    if (!ours) continue
    const program = entrypoint === undefined ? ['cli/trimtab.ts', command[0]!] : entrypoint.slice(1)
    const key = program.join(' ')
    if (!help.has(key)) help.set(key, spawnSync(process.execPath, [...program, '--help'], { encoding: 'utf8' }).stdout)
    for (const flag of command.filter(word => word.startsWith('--')))
      assert.ok(help.get(key)!.includes(flag), `${name}: ${key} knows no ${flag}`)
  }
  assert.equal(help.size, 6)
})

test('what is mounted from here exists, and each sidecar shares the network of its own application', () => {
  for (const [name, { volumes = [], network_mode }] of services) {
    for (const volume of volumes)
      if (volume.startsWith('./')) assert.ok(existsSync(volume.split(':')[0]!), `${name}: ${volume}`)
    if (name.endsWith('-proxy')) assert.equal(network_mode, `service:${name.replace(/-proxy$/, '')}`)
  }
})
