import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AskError } from '../../cli/ask/client.ts'
import { explained } from '../../cli/ask/explained.ts'
import { adminOf, meshProxy } from '../support/mesh-proxy.ts'
import { addressOfNobody } from '../support/nobody.ts'
import { until } from '../support/until.ts'
import { place, proxyStream, startControl } from './control-harness.ts'

const asked = {
  method: 'GET',
  url: 'http://expense/api',
  from: 'report',
  to: undefined,
  headers: [],
  claims: undefined,
}

test('explain takes no answer from a proxy that was not meant, and tells what the other end says.', {
  timeout: 30_000,
}, async t => {
  const control = await startControl(t, place(t), [])
  const report = await meshProxy([
    ...['--service', 'report', '--version', 'v2', '--app', '127.0.0.1:9', '--control', control.base],
    ...['--instance', 'report-1'],
  ])
  t.after(() => report.close())
  // As on two machines: what is expense's loopback there is report's here.
  await proxyStream(t, control.base, { instance: 'expense-1', admin: report.addresses['admin']! })
  await until(
    'expense at report',
    () => adminOf(report, '/clusters'),
    text => text.includes('expense'),
  )
  const told = await explained({ url: control.base, token: undefined }, asked)
  assert.equal(told.route?.by, 'report-1')
  assert.equal(told.call, undefined)
  assert.match(
    told.notAsked.join(),
    /^expense-1 of expense cannot be asked from here, .*this is report-1, not expense-1/,
  )
})

test('explain says of all who cannot be asked where they are to be asked.', { timeout: 30_000 }, async t => {
  const control = await startControl(t, place(t), [])
  const gone = await addressOfNobody()
  await proxyStream(t, control.base, { instance: 'report-1', service: 'report', version: 'v2', admin: gone })
  await proxyStream(t, control.base, { instance: 'expense-1', admin: gone })
  await assert.rejects(explained({ url: control.base, token: undefined }, asked), (error: Error) => {
    assert.ok(error instanceof AskError)
    assert.match(error.message, /report-1 of report .*nobody listens there.*expense-1 of expense .*ask on its machine/)
    return true
  })
})
