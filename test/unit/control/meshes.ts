import assert from 'node:assert/strict'
import type { MeshConfig } from '../../../protocol/mesh-config/config.ts'
import { readMeshConfig } from '../../../protocol/mesh-config/read.ts'
import type { Registration } from '../../../protocol/snapshot.ts'

export function meshOf(yaml: string): MeshConfig {
  const read = readMeshConfig(yaml, 'mesh.yaml')
  assert.equal(read.status, 'ok', JSON.stringify(read))
  return (read as Extract<typeof read, { status: 'ok' }>).config
}

export const demoMesh = `
mesh: demo
intentions: { default: deny }
services:
  report:
    versions: { v2: { weight: 50 }, v3: { weight: 50 } }
    allow: [{ from: gateway, methods: [GET], pathPrefix: /api/report }]
  expense:
    versions: { v1: { weight: 90 }, v2: { weight: 10 } }
    allow: [{ from: report, methods: [GET], pathPrefix: /api }]
  plain: {}
  rates:
    endpoints: [10.0.3.7:8443]
    tls: { serverName: rates.example }
    allow: [{ from: expense }]
gateways:
  edge:
    listen: 127.0.0.1:8080
    routes: [{ match: { pathPrefix: /api/report }, to: { service: report } }]
`

export function registration(instance: string, changes: Partial<Registration> = {}): Registration {
  return { instance, service: 'expense', version: 'v1', kind: 'sidecar', address: '10.0.0.1:20000', ...changes }
}
