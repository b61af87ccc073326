import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'
import { type ComposeService, readCompose } from '../support/compose-file.ts'

/** docker-compose.yml against our own programs, and against docker-compose where it is installed. */

const { services } = readCompose()
const named = Object.entries(services)
const ours = named.filter(([, { image }]) => image === 'trimtab')
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

/** What a program says of itself; undefined for the containers that only hold a network. */
function helpOf({ entrypoint = ['node', 'cli/trimtab.ts'], command = [] }: ComposeService): string | undefined {
  if (entrypoint[0] !== 'node') return undefined
  const program = entrypoint[1] === 'cli/trimtab.ts' ? [entrypoint[1], command[0]!] : [entrypoint[1]!]
  return spawnSync(process.execPath, [...program, '--help'], { encoding: 'utf8' }).stdout
}

/** For the health check, and for commands that are run in the container. */
const forOthers = new Set(['PROBE', 'TRIMTAB_TOKEN_FILE'])

test('every flag and every setting that a container is given is known to its program', () => {
  const helps = new Map<string, string | undefined>()
  let settingsSeen = 0
  for (const [name, service] of ours) {
    const program = JSON.stringify([service.entrypoint, service.command?.[0]])
    if (!helps.has(program)) helps.set(program, helpOf(service))
    const help = helps.get(program)
    if (help === undefined) continue
    const words = new Set(help.match(/--[a-z-]+|\b[A-Z]+(?:_[A-Z]+)+\b/g))
    const flags = (service.command ?? []).filter(word => word.startsWith('--'))
    const settings = Object.keys(service.environment ?? {}).filter(setting => !forOthers.has(setting))
    settingsSeen += settings.length
    for (const word of [...flags, ...settings]) assert.ok(words.has(word), `${name}: its program knows no ${word}`)
  }
  assert.ok(helps.size >= 6 && settingsSeen > 40)
})

test('every image stands with an exact version, and what is published stays on loopback', () => {
  for (const [name, { image, ports = [], restart }] of named) {
    if (image !== 'trimtab') assert.match(image, /:v?\d+\.\d+\.\d+/, name)
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:(\d+):\1$/, name)
    assert.equal(restart, 'unless-stopped', name)
  }
})

test('every program of ours has a health check, and the image is built once, by one that all others wait for', () => {
  const built = named.filter(([, { build }]) => build !== undefined).map(([name]) => name)
  assert.deepEqual(built, ['collector'])
  const waitsFor = (name: string): string[] => {
    const { depends_on = {}, network_mode = '' } = services[name]!
    const direct = Array.isArray(depends_on) ? depends_on : Object.keys(depends_on)
    const shared = /^service:(.+)$/.exec(network_mode)?.[1] ?? []
    return [...direct, shared].flat().flatMap(other => [other, ...waitsFor(other)])
  }
  for (const [name, { healthcheck, entrypoint }] of ours) {
    if (name !== 'collector')
      assert.ok(waitsFor(name).includes('collector'), `${name} may start before its image is built`)
    const program = entrypoint?.[0] !== 'sleep' && name !== 'load'
    assert.equal(healthcheck !== undefined, program, `${name} has a health check`)
  }
})

test('what is mounted from here exists, and each application shares its network with its own sidecar', () => {
  for (const [name, { volumes = [] }] of named)
    for (const volume of volumes)
      if (volume.startsWith('./')) assert.ok(existsSync(volume.split(':')[0]!), `${name}: ${volume}`)
  const sidecars = named.filter(([, { environment }]) => environment?.['TRIMTAB_PROXY_APP'] !== undefined)
  assert.equal(sidecars.length, 6)
  for (const [name, { network_mode, environment }] of sidecars) {
    const instance = name.replace(/-proxy$/, '')
    assert.equal(network_mode, `service:${instance}`)
    assert.equal(services[`${instance}-app`]?.network_mode, `service:${instance}`)
    assert.equal(environment?.['TRIMTAB_PROXY_INSTANCE'], instance)
    assert.equal(environment?.['TRIMTAB_PROXY_ADVERTISE'], `${instance}:20000`)
  }
})

test('every service and version of the mesh file has a container', () => {
  const mesh = parse(readFileSync('demo/mesh.yaml', 'utf8')) as {
    services: Record<string, { versions: Record<string, unknown> }>
  }
  for (const [service, { versions }] of Object.entries(mesh.services))
    for (const version of Object.keys(versions))
      assert.ok(
        ours.some(
          ([, { environment }]) =>
            environment?.['TRIMTAB_PROXY_SERVICE'] === service && environment['TRIMTAB_PROXY_VERSION'] === version,
        ),
        `${service} ${version}`,
      )
})
