import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { countedStatus, grpcTimeout, grpcTimeoutMs, isGrpcServerFault } from '../../../proxy/grpc.ts'

test('grpc-timeout is one to eight digits and a unit; anything else is no timeout', () => {
  assert.deepEqual(
    ['2H', '3M', '4S', '5m', '6000u', '7000000n', '0m'].map(grpcTimeoutMs),
    [7_200_000, 180_000, 4000, 5, 6, 7, 0],
  )
  for (const wrong of ['', 'm', '5', '5 m', '-5m', '123456789m', '5x', '5mm', '1.5S'])
    assert.equal(grpcTimeoutMs(wrong), -1)
})

test('what is told onward can be read, and is never more than what is left, nor a second less', () => {
  const left = fc.oneof(fc.double({ min: 0, max: 10, noNaN: true }), fc.double({ min: 0, max: 1e10, noNaN: true }))
  fc.assert(
    fc.property(left, ms => {
      const told = grpcTimeoutMs(grpcTimeout(ms))

      assert.ok(told >= 0 && told <= ms + 1e-9 && told > ms - 1000, `${ms} ms became ${grpcTimeout(ms)}`)
    }),
  )
})

test("a call's status counts as a server's error exactly where it is the server's fault", () => {
  for (let status = 0; status <= 16; status++)
    assert.equal(countedStatus(200, status) >= 500, isGrpcServerFault(status), `status ${status}`)
  assert.deepEqual([countedStatus(503, -1), countedStatus(200, -1), countedStatus(200, 8)], [503, 200, 429])
})
