import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { checkGrpcHealth, type Health } from '../../proxy/grpc-health.ts'
import { type Address, listen, parseAddress } from '../../runtime/address.ts'
import { grpcApp } from '../support/grpc.ts'
import { origin } from '../support/proxy-sockets.ts'

const check = (address: Address, timeoutMs = 5000): Promise<Health> =>
  new Promise(resolve => checkGrpcHealth(address, timeoutMs, resolve))

const told: [title: string, code: number, answer: string | undefined, Health][] = [
  ['says that it serves', status.OK, '\x08\x01', { serving: true, detail: 'says SERVING by grpc.health.v1' }],
  ['says that it does not', status.OK, '\x08\x02', { serving: false, detail: 'says NOT_SERVING by grpc.health.v1' }],
  ['leaves out its status', status.OK, '', { serving: false, detail: 'says UNKNOWN by grpc.health.v1' }],
  [
    'does not offer the health service',
    status.UNIMPLEMENTED,
    undefined,
    { serving: true, detail: 'takes connections, and does not offer grpc.health.v1' },
  ],
  ['fails to say', status.INTERNAL, undefined, { serving: false, detail: 'answers grpc.health.v1 with INTERNAL' }],
]
for (const [title, code, answer, health] of told) {
  test(`a gRPC server that ${title}: ${health.serving ? 'serves' : 'does not serve'}`, async t => {
    const app = await grpcApp({
      health: (_, reply) => (answer === undefined ? reply({ code, details: 'no' }) : reply(null, Buffer.from(answer))),
    })
    t.after(() => app.close())

    assert.deepEqual(await check(parseAddress(app.address)!), health)
  })
}

test('what is no gRPC server does not serve, and the reason is told', async t => {
  const http = createServer((_, answer) => answer.end())
  const address = await listen(http, { host: '127.0.0.1', port: 0 })
  const silent = await origin()
  t.after(() => Promise.all([silent.close(), new Promise(resolve => http.close(resolve))]))

  const notHttp2 = await check(address)
  const notThere = await check({ host: '127.0.0.1', port: 9 })
  const slow = await check(parseAddress(silent.address)!, 50)

  assert.match(notHttp2.detail, /^does not speak HTTP\/2: /)
  assert.match(notThere.detail, /^takes no connection: .*ECONNREFUSED/)
  assert.match(slow.detail, /^does not answer within 50 ms/)
  assert.deepEqual(
    [notHttp2, notThere, slow].map(({ serving }) => serving),
    [false, false, false],
  )
})
