import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Upstream } from '../../../../protocol/snapshot.ts'
import { wiresOf } from '../../../../proxy/send/wires.ts'

const peerSpiffeId = 'spiffe://demo.mesh/ns/default/dc/dc1/svc/expense'

test('between proxies TLS decides, elsewhere the protocol of the upstream does', () => {
  const wires = (protocol: Upstream['protocol'], way: Partial<Upstream> = {}) => wiresOf({ protocol, ...way })

  assert.deepEqual(
    (['http', 'http2', 'grpc', 'tcp'] as const).map(protocol => [
      wires(protocol),
      wires(protocol, { tls: {} }),
      wires(protocol, { peerSpiffeId }),
    ]),
    [
      ['http1', 'http1', 'negotiated'],
      ['http2', 'negotiated', 'negotiated'],
      ['http2', 'negotiated', 'negotiated'],
      ['http1', 'http1', 'http1'],
    ],
  )
})
