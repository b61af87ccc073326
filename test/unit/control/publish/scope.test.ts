import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scopeOf, scopesOf } from '../../../../control/publish/scope.ts'
import { demoMesh, meshOf } from '../meshes.ts'

const namesIn = (yaml: string, kind: 'sidecar' | 'gateway', service: string) =>
  [...(scopesOf(meshOf(yaml)).get(scopeOf({ kind, service }))?.keys() ?? [])].sort()

test('under deny a sidecar hears of itself and of those whose intentions let it in', () => {
  assert.deepEqual(namesIn(demoMesh, 'sidecar', 'report'), [
    'identity',
    'listener',
    'telemetry',
    'upstream/expense',
    'upstream/report',
  ])
  assert.deepEqual(namesIn(demoMesh, 'sidecar', 'expense'), [
    'identity',
    'listener',
    'telemetry',
    'upstream/expense',
    'upstream/rates',
  ])
  assert.deepEqual(namesIn(demoMesh, 'sidecar', 'plain'), ['identity', 'listener', 'telemetry', 'upstream/plain'])
})

test('under allow a sidecar hears of every service', () => {
  const mesh = demoMesh.replace('default: deny', 'default: allow')
  assert.deepEqual(namesIn(mesh, 'sidecar', 'plain'), [
    'identity',
    'listener',
    'telemetry',
    'upstream/expense',
    'upstream/plain',
    'upstream/rates',
    'upstream/report',
  ])
})

test('a gateway hears of the services that its routes name', () => {
  assert.deepEqual(namesIn(demoMesh, 'gateway', 'edge'), ['identity', 'listener', 'telemetry', 'upstream/report'])
})

test('who follows a route to another service hears of that one, too, also in a circle', () => {
  const mesh = `
mesh: demo
services:
  a: { allow: [{ from: caller }], routes: [{ match: { pathPrefix: /b }, to: { service: b } }] }
  b: { routes: [{ match: { pathPrefix: /a }, to: { service: a } }] }
  caller: {}
`
  assert.deepEqual(namesIn(mesh, 'sidecar', 'caller'), [
    'identity',
    'listener',
    'telemetry',
    'upstream/a',
    'upstream/b',
    'upstream/caller',
  ])
})

test('nobody registers for a service outside the mesh', () => {
  assert.equal(scopesOf(meshOf(demoMesh)).has('sidecar/rates'), false)
})
