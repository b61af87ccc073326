import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReportKey, ReportRow } from '../../../../protocol/report.ts'
import { type Failure, failure } from '../../../../proxy/failures.ts'
import { createTraffic, type Traffic } from '../../../../proxy/observe/traffic.ts'
import type { TcpConnection } from '../../../../proxy/tcp/connection.ts'
import { tcpConnectionOf } from '../../../support/tcp-connections.ts'
import { attemptOf } from './exchanges.ts'

const trafficOf = () => createTraffic({ source: 'report', wall: () => 1_700_000_000_000 })
const none = { http5xx: 0, gateway: 0, reset: 0, timeout: 0 }

/** A connection of an application, begun and on its way to `endpoint`. */
function begun(traffic: Traffic, change: Partial<TcpConnection> = {}): TcpConnection {
  const connection = Object.assign(tcpConnectionOf('outbound'), {
    service: 'db',
    version: 'v1',
    attempts: 1,
    ...change,
  })
  traffic.connections.started(connection)
  return connection
}

function rowsOf(traffic: Traffic): Map<string, ReportRow & { of: ReportKey }> {
  const { rows, keys } = traffic.takeRows(() => undefined)
  return new Map(
    rows.map(row => [`${keys[row.key]!.version}/${keys[row.key]!.endpoint}`, { ...row, of: keys[row.key]! }]),
  )
}

const connect = (cause: Failure | undefined, endpoint: string, version = 'v1', status = 0) =>
  attemptOf(endpoint, version, status, cause)

test('a connection that is taken is one ok request of its caller and of its endpoint, and in flight until it is over', () => {
  const traffic = trafficOf()
  const connection = begun(traffic, { endpointId: 'e1' })
  traffic.connections.attemptOver(connection, connect(undefined, 'e1'))
  traffic.connections.taken(connection, { status: 0, failure: undefined, durationMs: 3 })

  const rows = rowsOf(traffic)

  for (const key of ['v1/', 'v1/e1']) {
    const { requests, ok, errors, inFlight, of } = rows.get(key)!
    assert.deepEqual([requests, ok, errors, inFlight, of.route, of.upstream], [1, 1, none, 1, 'tcp', 'db'])
  }
  traffic.connections.over(connection)
  assert.equal(rowsOf(traffic).size, 0)
})

test('a try that fails is an error of its endpoint, and a rescued request of the version that was chosen first', () => {
  const traffic = trafficOf()
  const connection = begun(traffic)
  traffic.connections.attemptOver(connection, connect(failure('UF', 'refused'), 'e1'))
  connection.attempts = 2
  connection.version = 'v2'
  traffic.connections.attemptOver(connection, connect(undefined, 'e2', 'v2'))
  traffic.connections.taken(connection, { status: 0, failure: undefined, durationMs: 3 })
  traffic.connections.over(connection)

  const rows = rowsOf(traffic)

  assert.deepEqual(rows.get('v1/e1')?.errors, { ...none, gateway: 1 })
  assert.equal(rows.get('v2/e2')?.ok, 1)
  const { ok, retries, rescued } = rows.get('v1/')!
  assert.deepEqual([ok, retries, rescued], [1, 1, 1])
})

test('a connection that was denied there is no error: as of a 403, the caller is at fault', () => {
  const traffic = trafficOf()
  const connection = begun(traffic)
  traffic.connections.attemptOver(connection, connect(undefined, 'e1', 'v1', 403))
  traffic.connections.taken(connection, { status: 403, failure: undefined, durationMs: 3 })

  const { ok, clientErrors, errors } = rowsOf(traffic).get('v1/')!

  assert.deepEqual([ok, clientErrors, errors], [1, 1, none])
})

for (const flag of ['DC', 'NR'] as const)
  test(`what ended with ${flag} says nothing of the upstream`, () => {
    const traffic = trafficOf()
    const connection = begun(traffic, { attempts: 0 })

    traffic.connections.taken(connection, { status: 0, failure: failure(flag, ''), durationMs: 1 })
    traffic.connections.over(connection)

    assert.equal(rowsOf(traffic).size, 0)
  })

test('connections for the own application give no rows', () => {
  const traffic = trafficOf()
  const connection = Object.assign(tcpConnectionOf('inbound'), { service: '.app', attempts: 1 })
  traffic.connections.started(connection)
  traffic.connections.attemptOver(connection, connect(undefined, 'app'))
  traffic.connections.taken(connection, { status: 0, failure: undefined, durationMs: 3 })

  assert.equal(rowsOf(traffic).size, 0)
})
