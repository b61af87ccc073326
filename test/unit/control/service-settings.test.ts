import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seenVersions, serviceSettings } from '../../../control/service-settings.ts'
import { demoMesh, meshOf, registration } from './meshes.ts'

const mesh = meshOf(demoMesh)
const weightsOf = (service: string, versions: string[], seen: string[] = []) => {
  const registered = versions.map((version, at) => registration(`i${at}`, { service, version }))
  return Object.fromEntries(serviceSettings(mesh.services.get(service)!, registered, seen).versions)
}

test('the file gives the weights of the versions that it names, present or not', () => {
  assert.deepEqual(weightsOf('expense', ['v1']), { v1: 90, v2: 10 })
})

test('a version that registers without being named gets nothing', () => {
  assert.deepEqual(weightsOf('expense', ['v1', 'v9']), { v1: 90, v2: 10, v9: 0 })
})

test('where the file names no versions all that are there get the same', () => {
  assert.deepEqual(weightsOf('plain', ['blue', 'green']), { blue: 100, green: 100 })
})

test('a version that restarts keeps its share meanwhile', () => {
  assert.deepEqual(weightsOf('plain', ['blue'], ['green']), { blue: 100, green: 100 })
})

test('seen versions are bounded: the one not seen for longest goes', () => {
  const seen = seenVersions(2)
  for (const version of ['a', 'b', 'a', 'c']) seen.add('s', version)
  assert.deepEqual([...seen.of('s')], ['a', 'c'])
})
