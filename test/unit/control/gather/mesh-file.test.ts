import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
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
  const watching = watchMeshFile(file, { clock, pollMs: 2000 }, () => changes++)
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
