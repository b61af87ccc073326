import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { meshProxy } from '../support/mesh-proxy.ts'
import { until } from '../support/until.ts'
import { place, type StartedControl, startControl } from './control-harness.ts'

const timeout = 30_000

async function started(t: TestContext, control: string, flags: readonly string[]) {
  const proxy = await meshProxy(['--control', control, ...flags])
  t.after(() => proxy.close())
  return proxy
}

interface Known {
  service: string
  address: string
}

async function known(control: StartedControl): Promise<Known[]> {
  const answer = await fetch(`${control.base}/v1/proxies`)
  return ((await answer.json()) as { proxies: Known[] }).proxies
}

test('A proxy that listens on every address registers with the one from which it reaches control.', {
  timeout,
}, async t => {
  const control = await startControl(t, place(t), [])
  await started(t, control.base, ['--gateway', 'edge', '--listen', '0.0.0.0:0', '--metrics', '0.0.0.0:0'])
  const report = ['--service', 'report', '--version', 'v2', '--app', '127.0.0.1:9', '--inbound', '0.0.0.0:0']
  await started(t, control.base, report)
  const proxies = await until(
    'both',
    () => known(control),
    all => all.length === 2,
  )
  for (const { address } of proxies) assert.match(address, /^127\.0\.0\.1:\d+$/)
  const targets = await (await fetch(`${control.base}/v1/prometheus/targets`)).text()
  assert.doesNotMatch(targets, /0\.0\.0\.0/)
})

test('What --advertise says goes before the address that was found.', { timeout }, async t => {
  const control = await startControl(t, place(t), [])
  const told = ['--metrics', '0.0.0.0:0', '--advertise', 'edge.example:443']
  await started(t, control.base, ['--gateway', 'edge', '--listen', '0.0.0.0:0', ...told])
  const [edge] = await until(
    'it',
    () => known(control),
    all => all.length === 1,
  )
  assert.equal(edge!.address, 'edge.example:443')
})

test('A proxy without any policy answers 503, not that nothing is served there.', { timeout }, async t => {
  const edge = await started(t, 'http://127.0.0.1:9', ['--gateway', 'edge', '--listen', '127.0.0.1:0'])
  const answer = await fetch(`http://${edge.addresses['gateway']}/`)
  assert.equal(answer.status, 503)
  assert.equal(answer.headers.get('x-trimtab-reason'), 'no-healthy-upstream')
})
