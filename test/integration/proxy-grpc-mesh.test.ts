import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { spiffeIdOf } from '../../protocol/identity.ts'
import { parseAddress } from '../../runtime/address.ts'
import { testAuthority } from '../support/certificates.ts'
import { fakeControl } from '../support/fake-control.ts'
import { grpcApp, grpcClient } from '../support/grpc.ts'
import { adminOf, listenerOf, meshProxy } from '../support/mesh-proxy.ts'
import { upstreamOf } from '../support/proxy-harness.ts'
import { until } from '../support/until.ts'

const EXPENSE = spiffeIdOf({ trustDomain: 'demo.mesh', dc: 'dc1' }, 'expense')
/** Renewed at half of it. */
const LIFETIME_MS = 4000

test('a bidirectional stream through two proxies with mTLS lives through renewals, a rotation of roots and a change of weights', async t => {
  const control = await fakeControl(LIFETIME_MS)
  const app = await grpcApp()
  const grpc = { protocol: 'grpc' as const }
  control.tell('expense', { listener: listenerOf('expense', 'strict', grpc) })
  const expense = await meshProxy(
    ['--service', 'expense', '--app', app.address, '--control', control.url],
    control.token,
  )
  const endpoint = { id: 'e0', address: expense.addresses['inbound']!, version: 'v1' }
  const callable = (weight: number) => ({
    listener: listenerOf('report', 'strict'),
    'upstream/expense': upstreamOf([endpoint], {
      ...grpc,
      peerSpiffeId: EXPENSE,
      versions: { v1: { weight }, v2: { weight: 100 - weight } },
    }),
  })
  control.tell('report', callable(100))
  const report = await meshProxy(
    ['--service', 'report', '--app', '127.0.0.1:9', '--control', control.url],
    control.token,
  )
  const client = grpcClient(parseAddress(report.addresses['outbound']!)!)
  t.after(async () => {
    client.close()
    await Promise.all([report.close(), expense.close(), control.close()])
    app.close()
  })
  for (const proxy of [expense, report])
    await until(
      'a ready proxy',
      () => adminOf(proxy, '/ready'),
      text => text.startsWith('LIVE') && text.includes('identity: ok'),
    )
  const chat = client.chat()
  chat.on('error', () => {})
  const echo = async (text: string) => {
    chat.write(Buffer.from(text))
    assert.equal(String((await once(chat, 'data'))[0]), text)
  }

  await echo('first')
  const given = control.given.length
  await until(
    'both to have renewed twice',
    () => control.given.length - given,
    renewals => renewals >= 4,
  )
  await echo('after renewals')
  const next = await testAuthority('demo.mesh')
  control.rotate([control.authority, next])
  const rotated = control.given.length
  await until(
    'both to have certificates of the new root',
    () => control.given.length - rotated,
    renewals => renewals >= 4,
  )
  await echo('after a rotation')
  control.tell('report', callable(30))
  await until(
    'the new weights',
    () => adminOf(report, '/config_dump'),
    text => text.includes('70'),
  )
  await echo('after new weights')
  chat.end()
  const [ended] = await once(chat, 'status')

  assert.equal(ended.code, status.OK)
  assert.match(String(app.calls[0]!.get('x-forwarded-client-cert')[0]), /URI=spiffe:\/\/demo\.mesh\/.*\/svc\/report$/)
  assert.equal(app.calls.length, 1, 'it was one stream all the time')
  const hop = await adminOf(expense, '/stats?filter=downstream_cx_http2_total.*inbound')
  assert.match(hop, /: 1\n$/, 'the two proxies spoke HTTP/2, on one connection')
})
