import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Check } from 'typebox/value'
import {
  gatewayListener,
  sidecarListener,
  telemetrySection,
  upstreamSection,
} from '../../../../control/publish/sections.ts'
import { sectionSchemas } from '../../../../protocol/snapshot.ts'
import { demoMesh, meshOf, registration } from '../meshes.ts'

const mesh = meshOf(demoMesh)
const nothing = { weights: new Map(), health: new Map() }

test('weights and health in force are published, not those of the file', () => {
  const inForce = {
    weights: new Map([
      ['v1', 90],
      ['v2', 0],
    ]),
    health: new Map([['e1', 'ejected' as const]]),
  }

  const upstream = upstreamSection(
    mesh.services.get('expense')!,
    [registration('e1'), registration('e2')],
    inForce,
    undefined,
  )

  assert.deepEqual(upstream.versions, { v1: { weight: 90 }, v2: { weight: 0 } })
  assert.deepEqual(
    upstream.endpoints.map(({ id, health }) => [id, health]),
    [
      ['e1', 'ejected'],
      ['e2', 'healthy'],
    ],
  )
})

test('a version that nobody gave a weight has 0', () => {
  const upstream = upstreamSection(
    mesh.services.get('expense')!,
    [registration('e9', { version: 'v9' })],
    nothing,
    undefined,
  )
  assert.deepEqual(upstream.versions['v9'], { weight: 0 })
})

test('a service outside the mesh has its addresses as endpoints, and its TLS', () => {
  const upstream = upstreamSection(mesh.services.get('rates')!, [], nothing, 'PEM')
  assert.equal(upstream.mesh, false)
  assert.deepEqual(upstream.endpoints, [
    { id: '10.0.3.7:8443', address: '10.0.3.7:8443', version: 'default', health: 'healthy' },
  ])
  assert.deepEqual(upstream.tls, { serverName: 'rates.example', caPem: 'PEM' })
})

test('every section fits the schema that proxies read it with', () => {
  for (const service of mesh.services.values())
    assert.ok(
      Check(sectionSchemas.upstream, upstreamSection(service, [registration('i1')], nothing, undefined)),
      service.name,
    )
  assert.ok(Check(sectionSchemas.listener, sidecarListener(mesh, mesh.services.get('expense')!)))
  assert.ok(Check(sectionSchemas.listener, gatewayListener(mesh, 'edge')))
  assert.ok(
    Check(
      sectionSchemas.telemetry,
      telemetrySection(mesh, { spansUrl: 'http://c/api/v2/spans', collectorUrl: 'http://c' }),
    ),
  )
})
