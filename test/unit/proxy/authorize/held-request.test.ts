import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf } from '../../../../proxy/asked-exchange.ts'
import { HeldRequest } from '../../../../proxy/authorize/held-request.ts'
import type { Exchange, Fields } from '../../../../proxy/exchange.ts'

function held() {
  const exchange = exchangeOf({ method: 'POST', url: '/', headers: {}, direction: 'inbound' })
  exchange.requestEnded = false
  const request = new HeldRequest()
  exchange.upstream = request
  return { exchange, request }
}

/** send/ as far as a body concerns it. */
function taker(took: string[]) {
  return (exchange: Exchange) => {
    took.push(`begun, ${exchange.requestEnded ? 'complete' : 'body to come'}`)
    exchange.upstream = {
      onData: chunk => took.push(chunk.toString()) > 0,
      onEnd: (trailers: Fields | null) => void took.push(`end ${trailers}`),
      onAbort: () => void took.push('abort'),
      resumeResponse() {},
    }
  }
}

test('bytes are kept as they were: the codec writes over its own', () => {
  const { exchange, request } = held()
  const buffer = Buffer.from('one')
  exchange.requestData(buffer)
  buffer.write('two')
  exchange.requestData(buffer)
  exchange.requestEnd(0, ['x', '1'])
  const took: string[] = []
  request.release(exchange, taker(took))
  assert.deepEqual(took, ['begun, body to come', 'one', 'two', 'end x,1'])
})

test('what follows the release goes on as if nothing had been held', () => {
  const { exchange, request } = held()
  exchange.requestData(Buffer.from('a'))
  const took: string[] = []
  request.release(exchange, taker(took))
  exchange.requestData(Buffer.from('b'))
  exchange.requestEnd(0, null)
  assert.deepEqual(took, ['begun, body to come', 'a', 'b', 'end null'])
  assert.equal(exchange.requestBytes, 2)
})

test('past 64 KiB the source is told to wait', () => {
  const { exchange } = held()
  assert.equal(exchange.requestData(Buffer.alloc(60_000)), true)
  assert.equal(exchange.requestData(Buffer.alloc(10_000)), false)
})

test('a request that is answered as it is released takes none of its body', () => {
  const { exchange, request } = held()
  exchange.requestData(Buffer.from('a'))
  exchange.requestEnd(0, null)
  let ends = 0
  exchange.onOver = () => ends++
  request.release(exchange, over => {
    over.respond({ status: 503, reason: '', fields: [], contentLength: 0, hasBody: false, upgrade: '' })
    over.responseEnd(1, null)
  })
  assert.equal(ends, 1)
})

test('a client that leaves is noted, and its bytes are let go', () => {
  const { exchange, request } = held()
  exchange.requestData(Buffer.from('a'))
  exchange.downstreamGone(1, { flag: 'DC', reason: 'client-left', detail: '', status: 499 })
  assert.ok(request.gone && exchange.over)
})
