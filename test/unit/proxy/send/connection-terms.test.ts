import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Upstream } from '../../../../protocol/snapshot.ts'
import { ConnectionTerms } from '../../../../proxy/send/connection-terms.ts'
import { Endpoint } from '../../../../proxy/send/endpoint.ts'
import type { UpstreamSocket } from '../../../../proxy/send/upstream-socket.ts'
import { upstreamOf } from '../../../support/proxy-harness.ts'

const MINUTE_MS = 60_000
const ADDRESS = '127.0.0.1:80'
const peerSpiffeId = 'spiffe://mesh/service/expense'

const termsOf = (change: Partial<Upstream> = {}) => new ConnectionTerms(upstreamOf([ADDRESS], change))

function socketOf({ securedAs }: ConnectionTerms, address = ADDRESS): UpstreamSocket {
  const endpoint = new Endpoint({ id: 'e0', address, version: 'v1', health: 'healthy' })
  return { endpoint, securedAs, openedMs: 0 } as UpstreamSocket
}

test('a connection to an address is used for as long as it stands, until its endpoint is gone', () => {
  const terms = termsOf()
  const socket = socketOf(terms)

  assert.equal(terms.isOutdated(socket, 1e9), false)
  socket.endpoint.gone = true
  assert.equal(terms.isOutdated(socket, 0), true)
})

test('a connection to a name is used for five minutes: the name may have moved', () => {
  const terms = termsOf()
  const socket = socketOf(terms, 'expense.local:80')

  assert.deepEqual(
    [5 * MINUTE_MS, 5 * MINUTE_MS + 1].map(now => terms.isOutdated(socket, now)),
    [false, true],
  )
})

test('whoever proved an identity proves it anew after half an hour, the name of its host or not', () => {
  const terms = termsOf({ peerSpiffeId })
  const socket = socketOf(terms)

  assert.deepEqual(
    [30 * MINUTE_MS, 30 * MINUTE_MS + 1].map(now => terms.isOutdated(socket, now)),
    [false, true],
  )
})

test('under a policy that secures connections in another way none of before takes anything new', () => {
  const changes: Partial<Upstream>[] = [
    { peerSpiffeId },
    { tls: {} },
    { tls: { serverName: 'a' } },
    { protocol: 'http2' },
  ]
  for (const change of changes) {
    const terms = termsOf()
    const before = socketOf(terms)

    assert.equal(terms.replace(upstreamOf([ADDRESS], change)), true)

    assert.equal(terms.isOutdated(before, 0), true)
    assert.equal(terms.isOutdated(socketOf(terms), 0), false)
  }
})

test('a policy that changes anything else leaves connections as they are', () => {
  const terms = termsOf({ peerSpiffeId })
  const before = socketOf(terms)

  assert.equal(terms.replace(upstreamOf([ADDRESS, '127.0.0.1:81'], { peerSpiffeId, idleTimeoutMs: 1 })), false)

  assert.equal(terms.isOutdated(before, 0), false)
})
