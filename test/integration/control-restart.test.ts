import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Decision } from '../../protocol/decision.ts'
import {
  ask,
  demoProxies,
  eventually,
  failing,
  fakeCollector,
  follow,
  healthy,
  meshFile,
  type Place,
  place,
  post,
  startControl,
  upstreamOf,
  weightsOf,
  whileTicking,
} from './control-harness.ts'

const timeout = 60_000
type Decisions = { decisions: Decision[] }
const main = fileURLToPath(new URL('../../control/main.ts', import.meta.url))

/** Control as a process of its own, as a person starts it. */
async function spawnControl(t: TestContext, at: Place, collector: string) {
  const child = spawn(
    process.execPath,
    [
      main,
      '--config',
      at.config,
      '--data',
      at.data,
      '--listen',
      '127.0.0.1:0',
      '--doors',
      'open-loopback',
      '--collector',
      collector,
      '--log-level',
      'error',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  t.after(() => child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const ready = JSON.parse(line.toString()) as { msg: string; addresses: { api: string } }
  assert.equal(ready.msg, 'ready')
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    return (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  }
  return { base: `http://${ready.addresses.api}`, end }
}

for (const signal of ['SIGTERM', 'SIGKILL'] as const)
  test(`after ${signal} control goes on with its weights, ejections, pins and decisions, at a higher epoch`, {
    timeout,
  }, async t => {
    const collector = await fakeCollector(t)
    const at = place(t)
    const first = await spawnControl(t, at, collector.url)
    const caller = await demoProxies(t, first.base)
    const line = await whileTicking(
      collector,
      failing,
      caller.until(each => weightsOf(each)?.['v2'] === 0),
    )
    const said = { who: 'ann', reason: 'broken disk' }
    await post(first.base, '/v1/services/expense/endpoints/e1a/eject', said)
    await post(first.base, '/v1/services/expense/weights', { ...said, weights: { v1: 70 }, pin: true })
    const { decisions: before } = await ask<Decisions>(first.base, '/v1/decisions?service=expense')
    assert.ok(line.epoch !== undefined)
    const lastEpoch = Math.max(...caller.all.map(({ epoch = 0 }) => epoch))

    const [code] = await first.end(signal)
    assert.equal(code, signal === 'SIGTERM' ? 0 : null)
    const second = await spawnControl(t, at, collector.url)
    const again = await follow<Parameters<typeof upstreamOf>[0]>(
      t,
      `${second.base}/v1/snapshots?service=report&version=v2&instance=report-1&kind=sidecar&address=127.0.0.1:1`,
    )

    const whole = await again.until(each => upstreamOf(each) !== undefined)
    assert.ok((whole.epoch ?? 0) > lastEpoch, `${whole.epoch} > ${lastEpoch}`)
    assert.deepEqual(weightsOf(whole), { v1: 70, v2: 0 })
    const health = upstreamOf(whole)!.endpoints.map(endpoint => [endpoint.id, endpoint.health])
    assert.deepEqual(health, [
      ['e1a', 'ejected'],
      ['e1b', 'healthy'],
      ['e2a', 'healthy'],
      ['e2b', 'healthy'],
    ])
    const { decisions: after } = await ask<Decisions>(second.base, '/v1/decisions?service=expense')
    assert.deepEqual(after.slice(-before.length), before)
    type Service = { versions: Array<{ version: string; pinned: boolean; stage: string }> }
    const { versions } = await ask<Service>(second.base, '/v1/services/expense')
    assert.deepEqual(
      versions.map(({ version, pinned, stage }) => [version, pinned, stage]),
      [
        ['v1', true, 'full'],
        ['v2', false, 'held'],
      ],
    )
  })

test('proxies that do not come back after a restart are kept for a while: nobody loses endpoints by it', {
  timeout,
}, async t => {
  const collector = await fakeCollector(t)
  const at = place(t)
  const first = await startControl(t, at, [collector.url])
  await demoProxies(t, first.base)
  await first.close()

  const second = await startControl(t, at, [collector.url])
  const services = await ask<{ endpoints: Array<{ id: string; connected: boolean }> }>(
    second.base,
    '/v1/services/expense',
  )
  assert.deepEqual(
    services.endpoints.map(({ id, connected }) => [id, connected]),
    [
      ['e1a', false],
      ['e1b', false],
      ['e2a', false],
      ['e2b', false],
    ],
  )
})

test('a file that became invalid while control was down does not stop it: the last good one is in force', {
  timeout,
}, async t => {
  const collector = await fakeCollector(t)
  const at = place(t)
  const first = await startControl(t, at, [collector.url])
  await first.close()
  writeFileSync(at.config, 'mesh: demo\nservices: { expense: { wieght: 3 } }\n')

  const second = await startControl(t, at, [collector.url])

  type Config = { problems: string[]; effective: { services: Record<string, unknown> } }
  const config = await ask<Config>(second.base, '/v1/config')
  assert.match(config.problems.join('\n'), /mesh\.yaml:2.*wieght/)
  assert.deepEqual(Object.keys(config.effective.services), ['report', 'expense'])
})

test('without any valid file control does not start, and tells every problem', { timeout }, async t => {
  const at = place(t)
  at.write('mesh: demo\nservices: { a: { wieght: 3 }, b: { timeuot: 3s } }\n')
  await assert.rejects(startControl(t, at, []), error => {
    assert.match((error as Error).message, /wieght.*timeuot/s)
    return true
  })
})

test('a port that is taken is told, and nothing is left running', { timeout }, async t => {
  const blocker = createServer().listen(0, '127.0.0.1')
  await once(blocker, 'listening')
  t.after(() => blocker.close())
  const { port } = blocker.address() as { port: number }
  const at = place(t)
  const child = spawn(process.execPath, [
    main,
    '--config',
    at.config,
    '--data',
    at.data,
    '--listen',
    `127.0.0.1:${port}`,
  ])
  t.after(() => child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const [code] = (await once(child, 'exit')) as [number]
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`127.0.0.1:${port} is taken`))
})

test('a valid change of the file is published, weights that it does not change stay as they were judged', {
  timeout,
}, async t => {
  const collector = await fakeCollector(t)
  const at = place(t)
  const control = await startControl(t, at, [collector.url])
  const caller = await demoProxies(t, control.base)
  await whileTicking(
    collector,
    failing,
    caller.until(each => weightsOf(each)?.['v2'] === 0),
  )
  const before = caller.all.length

  at.write(meshFile.replace('allow: [{ from: report }]', 'allow: [{ from: report }]\n    timeout: 7s'))

  const line = await caller.until(each => upstreamOf(each)?.timeoutMs === 7000, before)
  assert.deepEqual(weightsOf(line), { v1: 90, v2: 0 })
})

test('a weight that the file changes is taken over, with a decision of the file', { timeout }, async t => {
  const collector = await fakeCollector(t)
  const at = place(t)
  const control = await startControl(t, at, [collector.url])
  const caller = await demoProxies(t, control.base)
  const stream = await follow<Decision>(t, `${control.base}/v1/decisions/stream`)

  at.write(meshFile.replace('v1: { weight: 90 }', 'v1: { weight: 60 }'))

  await caller.until(each => weightsOf(each)?.['v1'] === 60)
  const decision = await stream.until(({ action }) => action === 'config')
  assert.deepEqual([decision.service, decision.actor], ['expense', 'file'])
})

test('an invalid change is refused with its reasons and nothing moves; the next valid one is taken', {
  timeout,
}, async t => {
  const collector = await fakeCollector(t)
  const at = place(t)
  const control = await startControl(t, at, [collector.url])
  const caller = await demoProxies(t, control.base)
  const before = caller.all.length

  at.write(meshFile.replace('weight: 90', 'weight: many').replace('99.9%', 'always'))

  type Config = { problems: string[] }
  const refused = await eventually(
    () => ask<Config>(control.base, '/v1/config'),
    ({ problems }) => problems.length > 0,
  )
  assert.equal(refused.problems.length, 2)
  const ready = await fetch(`${control.base}/ready`)
  assert.equal(ready.status, 200)
  assert.match(await ready.text(), /meshFile":\{"ok":false/)
  assert.ok(caller.all.slice(before).every(line => line.sections === undefined))

  at.write(meshFile.replace('weight: 90', 'weight: 80'))
  await caller.until(each => weightsOf(each)?.['v1'] === 80)
  assert.deepEqual((await ask<Config>(control.base, '/v1/config')).problems, [])
})

test('a service that the file no longer names ends the streams of its proxies, who then hear why', {
  timeout,
}, async t => {
  const collector = await fakeCollector(t)
  const at = place(t)
  const control = await startControl(t, at, [collector.url])
  const caller = await demoProxies(t, control.base)
  at.write('mesh: demo\nservices: { expense: {} }\n')
  await caller.ended
  const again = await fetch(
    `${control.base}/v1/snapshots?service=report&version=v2&instance=report-1&kind=sidecar&address=127.0.0.1:1`,
  )
  assert.equal(again.status, 400)
  assert.match(await again.text(), /no service report/)
})

test('judging goes on where it was: a version held before the restart comes back after it', { timeout }, async t => {
  const collector = await fakeCollector(t)
  const at = place(t)
  at.write(meshFile.replace('slo:', 'shift: { mode: automatic, holdFor: 1s, returnOver: 1s }\n    slo:'))
  const first = await startControl(t, at, [collector.url])
  const caller = await demoProxies(t, first.base)
  await whileTicking(
    collector,
    failing,
    caller.until(each => weightsOf(each)?.['v2'] === 0),
  )
  await first.close()

  const second = await startControl(t, at, [collector.url])
  const again = await demoProxies(t, second.base)
  await whileTicking(
    collector,
    healthy,
    again.until(each => (weightsOf(each)?.['v2'] ?? 0) > 0),
  )
})
