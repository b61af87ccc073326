import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { grpcMessage, grpcStatusOf, grpcStatusOfHttp, isGrpc, isGrpcServerFault } from '../../../proxy/grpc.ts'

test('gRPC is known by its content type, with or without what it carries; gRPC-Web is HTTP', () => {
  for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc;charset=utf-8'])
    assert.equal(isGrpc(type), true, type)
  for (const type of [undefined, '', 'application/json', 'application/grpc-web', 'application/grpc-web+proto'])
    assert.equal(isGrpc(type), false, type)
})

test('a status is a number that gRPC knows, or UNKNOWN; without the field there is none', () => {
  assert.equal(grpcStatusOf([]), -1)
  assert.equal(grpcStatusOf(['x', '1', 'grpc-status', '14']), 14)
  for (const value of ['', '17', '99', '-1', '1.5', ' 1', '0x1']) assert.equal(grpcStatusOf(['grpc-status', value]), 2)
})

test('a message is printable ASCII, and decodes to what it was, whatever that is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), text => {
      const encoded = grpcMessage(text)
      assert.match(encoded, /^[\x20-\x7e]*$/)
      assert.equal(decodeURIComponent(encoded.replace(/%(?![0-9A-F]{2})/g, '%25')), Buffer.from(text).toString())
    }),
  )
  assert.equal(grpcMessage('100 % – gone\n'), '100 %25 %E2%80%93 gone%0A')
})

test('HTTP statuses stand for the gRPC statuses that Envoy and the gRPC project give them', () => {
  const statuses = [400, 401, 403, 404, 429, 502, 503, 504, 200, 408, 431, 500, 501]
  assert.deepEqual(statuses.map(grpcStatusOfHttp), [13, 16, 7, 12, 14, 14, 14, 14, 2, 2, 2, 2, 2])
})

test('the fault is the server’s when it could not do what it should, and the caller’s when it asked for what cannot be', () => {
  const faults = Array.from({ length: 17 }, (_, status) => status).filter(isGrpcServerFault)
  assert.deepEqual(faults, [2, 4, 12, 13, 14, 15])
})
