import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scopeOf, scopesOf } from '../../../../control/publish/scope.ts'
import { demoMesh, meshOf } from '../meshes.ts'

const namesIn = (yaml: string, kind: 'sidecar' | 'gateway', service: string) =>
  [...(scopesOf(meshOf(yaml)).get(scopeOf({ kind, service }))?.keys() ?? [])].sort()

test('under deny a sidecar hears of itself and of those whose intentions let it in', () => {
  assert.deepEqual(namesIn(demoMesh, 'sidecar', 'report'), [
    'identity',
    'intentions',
    'listener',
    'telemetry',
    'upstream/expense',
    'upstream/report',
  ])
  assert.deepEqual(namesIn(demoMesh, 'sidecar', 'expense'), [
    'identity',
    'intentions',
    'listener',
    'telemetry',
    'upstream/expense',
    'upstream/rates',
  ])
  assert.deepEqual(namesIn(demoMesh, 'sidecar', 'plain'), [
    'identity',
    'intentions',
    'listener',
    'telemetry',
    'upstream/plain',
  ])
})

test('under allow a sidecar hears of every service', () => {
  const mesh = demoMesh.replace('default: deny', 'default: allow')
  assert.deepEqual(namesIn(mesh, 'sidecar', 'plain'), [
    'identity',
    'intentions',
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
    'intentions',
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

const callers = (rules: string, b: string, mode = 'deny') => {
  const scopes = scopesOf(
    meshOf(`
mesh: demo
intentions: { default: ${mode}, rules: [${rules}] }
services:
  b: { ${b} }
  caller: {}
  other: {}
`),
  )
  return ['caller', 'other'].filter(name => scopes.get(`sidecar/${name}`)?.has('upstream/b'))
}

test('a caller hears of a service when a rule may let some call of his in before one turns all of them away', () => {
  assert.deepEqual(callers('', 'allow: [{ from: caller, path: /x }]'), ['caller'])
  assert.deepEqual(callers('', 'allow: [{ from: caller, dryRun: true }]'), [])
  assert.deepEqual(callers('{ from: other, to: "*", action: allow }', ''), ['other'])
  assert.deepEqual(callers('', 'allow: [{ from: "*" }], deny: [{ from: other }]'), ['caller'])
  assert.deepEqual(callers('', 'allow: [{ from: "*" }], deny: [{ from: other, path: /x }]'), ['caller', 'other'])
  assert.deepEqual(callers('', 'allow: [{ from: other }], deny: [{ from: other, dryRun: true }]'), ['other'])
  assert.deepEqual(callers('', 'deny: [{ from: "*" }]', 'allow'), [])
  assert.deepEqual(callers('', 'deny: [{ from: other }]', 'allow'), ['caller'])
  assert.deepEqual(callers('', 'allow: [{ from: "spiffe://demo.mesh/ns/default/dc/dc1/svc/other" }]'), ['other'])
  assert.deepEqual(callers('', 'allow: [{ from: "spiffe://else.mesh/ns/*" }]'), [])
  assert.deepEqual(callers('', 'allow: [{ from: "spiffe://demo.mesh/ns/*" }]'), ['caller', 'other'])
})

test('outside the mesh nobody looks into requests: a rule that does lets nobody in there', () => {
  const outside = 'endpoints: [10.0.0.1:80]'
  assert.deepEqual(callers('{ from: "*", to: "*", action: allow, path: /x }', outside), [])
  assert.deepEqual(callers('{ from: "*", to: "*", action: deny, path: /x }', outside, 'allow'), [])
  assert.deepEqual(callers('{ from: caller, to: b, action: allow }', outside), ['caller'])
})

test('a rule that looks into requests lets nobody hear of a tcp service, and keeps everybody whom it turns away from it', () => {
  const mesh = `
mesh: demo
intentions:
  rules:
    - { from: reader, to: "*", action: allow, methods: [GET] }
    - { from: writer, to: "*", action: deny, path: /admin }
services:
  db: { protocol: tcp, allow: [{ from: report }] }
  web: { allow: [{ from: writer }] }
  reader: {}
  writer: {}
  report: {}
`
  const upstreams = (service: string) => namesIn(mesh, 'sidecar', service).filter(name => name.startsWith('upstream/'))

  assert.deepEqual(upstreams('report'), ['upstream/db', 'upstream/report'])
  assert.equal(upstreams('reader').includes('upstream/db'), false)
  assert.equal(upstreams('reader').includes('upstream/web'), true)
  assert.deepEqual(upstreams('writer'), ['upstream/web', 'upstream/writer'])
})
