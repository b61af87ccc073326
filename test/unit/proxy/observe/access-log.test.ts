import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { type TestContext, test } from 'node:test'
import { failure } from '../../../../proxy/failures.ts'
import { accessLog } from '../../../../proxy/observe/access-log.ts'
import type { TcpConnection } from '../../../../proxy/tcp/connection.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { tcpConnectionOf } from '../../../support/tcp-connections.ts'

/** What a log of this format says of a connection. */
async function lineOf(t: TestContext, format: 'json' | 'text', connection: TcpConnection): Promise<string> {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-log-`)
  t.after(() => rmSync(folder, { recursive: true }))
  const log = accessLog(format, `${folder}/access.log`, manualClock())
  log.writeConnection(connection)
  await log.close()
  return readFileSync(`${folder}/access.log`, 'utf8')
}

function connectionOf(change: Partial<TcpConnection>): TcpConnection {
  const connection = tcpConnectionOf('inbound', { source: 'report', sourceId: 'spiffe://m/r' })
  return Object.assign(connection, {
    intention: 'db allow 1',
    service: 'db',
    version: 'v1',
    durationMs: 12.3456,
    ...change,
  })
}

test('a TCP connection leaves one line of JSON: who, where to, how long, how much, how it ended', async t => {
  const ended = connectionOf({
    endpointAddress: '10.0.0.1:5432',
    attempts: 2,
    failure: failure('SI', 'nothing passed'),
  })

  const line = await lineOf(t, 'json', ended)

  const { time, ...said } = JSON.parse(line) as Record<string, unknown>
  assert.equal(time, '2023-11-14T22:13:20.000Z')
  assert.deepEqual(said, {
    direction: 'inbound',
    protocol: 'TCP',
    flags: 'SI',
    reason: 'idle-timeout',
    detail: 'nothing passed',
    durationMs: 12.346,
    bytesReceived: 0,
    bytesSent: 0,
    source: 'report',
    intention: 'db allow 1',
    upstream: 'db',
    version: 'v1',
    endpoint: '10.0.0.1:5432',
    attempts: 2,
    peer: '10.0.0.9:4711',
  })
})

test('in text it is the line that Envoy writes of TCP', async t => {
  const line = await lineOf(t, 'text', connectionOf({ endpointAddress: '' }))

  assert.equal(line, '[2023-11-14T22:13:20.000Z] "- - -" 0 - 0 0 12 - "10.0.0.9:4711" "-" "-" "-" "-"\n')
})
