import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Credentials, credentialsInForce } from '../../../credentials/credentials.ts'
import { receiversOf, renewConnections } from '../../../proxy/to-collector.ts'
import { manualClock } from '../../support/manual-clock.ts'

const receivers = (spansUrl: string | undefined, collectorUrl: string | undefined) => {
  const { spans, reports } = receiversOf({ spansUrl, collectorUrl }, undefined, Date.now)
  const way = (to: typeof spans) => (to === undefined ? 'nowhere' : to.connector === undefined ? 'as anywhere' : 'mesh')
  return [way(spans), way(reports)]
}

test('an https collector must prove itself, for reports and for spans to the same address', () => {
  assert.deepEqual(receivers('https://10.0.0.3:9411/api/v2/spans', 'https://10.0.0.3:9411'), ['mesh', 'mesh'])
})

test('an http collector, and a Zipkin at another address, are reached as any server is', () => {
  assert.deepEqual(receivers('http://c:9411/api/v2/spans', 'http://c:9411'), ['as anywhere', 'as anywhere'])
  assert.deepEqual(receivers('https://zipkin.example/api/v2/spans', 'https://c:9411'), ['as anywhere', 'mesh'])
  assert.deepEqual(receivers('http://c:9411/api/v2/spans', 'https://c:9411'), ['as anywhere', 'mesh'])
  assert.deepEqual(receivers('https://zipkin.example/api/v2/spans', undefined), ['as anywhere', 'nowhere'])
})

test('where nobody wants them they go nowhere, and what is no URL is not taken for the collector', () => {
  assert.deepEqual(receivers(undefined, undefined), ['nowhere', 'nowhere'])
  assert.deepEqual(receivers('no url', 'no url'), ['as anywhere', 'as anywhere'])
})

test('without a certificate nothing is sent to an https collector, and the failure says what to do', async () => {
  const { reports } = receiversOf({ spansUrl: undefined, collectorUrl: 'https://c:9411' }, undefined, Date.now)

  const failure = await new Promise<Error | null>(resolve =>
    reports!.connector!({ hostname: 'c', host: 'c:9411', protocol: 'https:', port: '9411' }, (...[error]) =>
      resolve(error),
    ),
  )

  assert.match(failure!.message, /this proxy has no certificate: give it the https address of control and a join token/)
})

test('with the first certificate what failed without one is tried again at once', () => {
  const clock = manualClock()
  const identity = credentialsInForce()
  let tried = 0
  renewConnections(identity, [{ reconnect: () => tried++ }], { clock, random: () => 0.5 })
  identity.replace({ chainPem: 'first', roots: ['root'] } as unknown as Credentials)
  clock.advance(0)
  assert.equal(tried, 1)
  clock.advance(10_000)
  assert.equal(tried, 1)
})

test('connections are made anew when the certificate is another or a root goes, within two seconds; a root that comes changes nothing', () => {
  // arrange
  const clock = manualClock()
  const identity = credentialsInForce()
  const now = (chainPem: string, ...roots: string[]) => identity.replace({ chainPem, roots } as unknown as Credentials)
  let renewed = 0
  now('first', 'old')
  const connection = { reconnect: () => renewed++ }
  renewConnections(identity, [connection], { clock, random: () => 0.5 })
  const renewedAfter = (ms: number) => {
    renewed = 0
    clock.advance(ms)
    return renewed
  }
  // act and assert
  now('first', 'old', 'new')
  assert.equal(renewedAfter(10_000), 0, 'a root came')
  now('second', 'old', 'new')
  assert.equal(renewedAfter(999), 0, 'not everybody in one moment')
  assert.equal(renewedAfter(1), 1, 'the certificate is another')
  now('second', 'new')
  assert.equal(renewedAfter(1000), 1, 'a root went')
  assert.equal(renewedAfter(10_000), 0)
})
