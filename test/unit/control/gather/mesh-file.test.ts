import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { refuseJwks } from '../../../../control/gather/jwks-file.ts'
import { readMeshFile, watchMeshFile } from '../../../../control/gather/mesh-file.ts'
import { meshSource } from '../../../../control/gather/mesh-source.ts'
import { manualClock } from '../manual-clock.ts'

const mesh = 'mesh: demo\nservices:\n  rates: { endpoints: [10.0.0.1:443], tls: { caFile: ca.pem } }\n'
const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'

function arrange(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'trimtab-mesh-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'mesh.yaml')
  writeFileSync(file, mesh)
  return { folder, file }
}

test('a CA file is read from beside the mesh file', t => {
  const { folder, file } = arrange(t)
  writeFileSync(join(folder, 'ca.pem'), pem)
  const read = readMeshFile(file)
  assert.ok(read.status === 'ok')
  assert.equal(read.mesh.caPems.get('rates'), pem)
})

test('a CA file that is not there, or is none, is a problem of the mesh file', t => {
  const { folder, file } = arrange(t)
  const missing = readMeshFile(file)
  assert.ok(missing.status === 'refused')
  assert.match(missing.problems.join(), /services\.rates\.tls\.caFile: ca\.pem cannot be read/)
  writeFileSync(join(folder, 'ca.pem'), 'nonsense')
  const nonsense = readMeshFile(file)
  assert.ok(nonsense.status === 'refused')
  assert.match(nonsense.problems.join(), /no certificate/)
})

test('a mesh file that is not there is refused like any other', t => {
  const { folder } = arrange(t)
  const read = readMeshFile(join(folder, 'nope.yaml'))
  assert.ok(read.status === 'refused' && read.problems[0]!.includes('nope.yaml cannot be read'))
})

test('where the file system tells nothing, polling finds the change once its writer is quiet', t => {
  const { file } = arrange(t)
  const clock = manualClock()
  let changes = 0
  const watching = watchMeshFile(file, { clock, pollMs: 2000, besides: () => [] }, () => changes++)
  t.after(() => watching.close())
  clock.advance(10_000)
  assert.equal(changes, 0)
  writeFileSync(file, `${mesh}# changed\n`)
  clock.advance(2000)
  assert.equal(changes, 0, 'not yet: the writer may not be done')
  clock.advance(100)
  assert.equal(changes, 1)
})

test('a file that was deleted is told as a problem, and the mesh before stays in force', t => {
  const { folder, file } = arrange(t)
  writeFileSync(join(folder, 'ca.pem'), pem)
  const clock = manualClock()
  const refused: string[] = []
  const events = { meshLoaded() {}, meshRefused: (problems: readonly string[]) => refused.push(...problems) }
  const source = meshSource(file, { clock, pollMs: 2000, lastGood: undefined, events })
  t.after(() => source.close())
  let changes = 0
  source.watch(() => changes++)
  rmSync(file)
  clock.advance(5000)
  assert.match(refused.join(), /cannot be read/)
  assert.deepEqual([changes, source.status().problems.length], [0, 1])
})

const jwks = (x: string) => JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', x }] })

test('a key file is watched along with the mesh file, wherever it is, and also before it is there', t => {
  const { folder, file } = arrange(t)
  writeFileSync(file, 'mesh: m\njwt: { p: { issuer: i, audiences: [a], jwks: { file: keys/k.json } } }\n')
  const clock = manualClock()
  const events = { meshLoaded() {}, meshRefused() {} }
  const lastGood = 'mesh: m'
  const source = meshSource(file, { clock, pollMs: 2000, lastGood, events })
  t.after(() => source.close())
  const seen: (string | undefined)[] = []
  source.watch(mesh => seen.push(mesh.jwks.get('p')))
  assert.match(source.status().problems.join(), /jwt\.p\.jwks\.file: keys\/k\.json cannot be read/)
  mkdirSync(join(folder, 'keys'))
  for (const key of ['one', 'another']) {
    writeFileSync(join(folder, 'keys', 'k.json'), jwks(key))
    clock.advance(2000)
    clock.advance(100)
  }
  assert.deepEqual(seen, [jwks('one'), jwks('another')])
})

test('a key file that holds what nobody may be given is refused', () => {
  const said = (...keys: unknown[]) => refuseJwks(JSON.stringify({ keys }))
  const good = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }
  assert.equal(said(good), undefined)
  assert.match(said(good, { ...good, d: 'secret' })!, /private key at keys\[1\]/)
  assert.match(said({ kty: 'oct', k: 'secret' })!, /symmetric key at keys\[0\]/)
  assert.match(said(null)!, /no key at keys\[0\]/)
  assert.match(said()!, /no key that tokens can be verified by/)
  assert.match(refuseJwks('null')!, /no list of keys/)
  assert.match(refuseJwks('{')!, /no JSON/)
})
