import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appTimeoutMs } from '../../../../control/publish/app-timeout.ts'
import { meshOf } from '../meshes.ts'

function timeoutOf(name: string, services: string, gatewayRoutes = '[{ to: { service: web } }]'): number {
  const mesh = meshOf(`
mesh: m
defaults: { timeout: 2s }
services:
  web: { allow: [{ from: gateway }] }
${services}
gateways:
  edge: { listen: 127.0.0.1:8080, routes: ${gatewayRoutes} }
`)
  return appTimeoutMs(mesh, mesh.services.get(name)!)
}

test('an application may take as long as its service says, where no route says more', () => {
  const own = (timeout: string) => timeoutOf('a', `  a: { timeout: ${timeout}, allow: [{ from: web }] }`)
  assert.equal(own('5s'), 5000)
  assert.equal(own('0s'), 0)
  assert.equal(timeoutOf('web', ''), 2000)
})

test('an application may take as long as the longest route that leads to it, its own, of another service or of a gateway', () => {
  const route = (timeout: string) => `[{ match: { pathPrefix: /slow }, timeout: ${timeout} }]`
  assert.equal(timeoutOf('a', `  a: { routes: ${route('9s')}, allow: [{ from: web }] }`), 9000)
  assert.equal(timeoutOf('a', `  a: { routes: ${route('1s')}, allow: [{ from: web }] }`), 2000)
  const elsewhere = `  a: { allow: [{ from: web }] }
  b: { routes: [{ match: { pathPrefix: /x }, to: { service: a }, timeout: 7s }], allow: [{ from: web }] }`
  assert.equal(timeoutOf('a', elsewhere), 7000)
  assert.equal(timeoutOf('b', elsewhere), 2000)
  assert.equal(timeoutOf('web', '', '[{ to: { service: web }, timeout: 1h }]'), 3_600_000)
})

test('a deadline of a gateway holds for whom the routes behind it lead to', () => {
  const services = `  a: { allow: [{ from: gateway }] }
  b: { routes: [{ match: { pathPrefix: /x }, to: { service: a } }], allow: [{ from: gateway }] }`
  assert.equal(timeoutOf('a', services, '[{ to: { service: b }, timeout: 30s }]'), 30_000)
})

test('where one route has no deadline, the application has none', () => {
  const services = '  a: { routes: [{ match: { pathPrefix: /watch }, timeout: 0s }], allow: [{ from: web }] }'
  assert.equal(timeoutOf('a', services), 0)
})
