import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { callJson, startExpense, startReport } from '../unit/demo/support/services.ts'

type Line = Record<string, unknown>

interface Program {
  child: ChildProcess
  /** The next JSON line of stdout that says this; the test's own timeout bounds the wait. */
  line(msg: string): Promise<Line>
  exit(): Promise<number | null>
}

function startProgram(t: TestContext, path: string, args: string[]): Program {
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    child,
    async line(msg) {
      for (;;) {
        const { value, done } = await lines.next()
        if (done) assert.fail(`${path} ended without saying ${msg}`)
        const line = JSON.parse(value) as Line
        if (line['msg'] === msg) return line
      }
    },
    exit: () => exited,
  }
}

const anyPorts = ['--listen', '127.0.0.1:0', '--metrics', '127.0.0.1:0']

test('the two programs say where they listen, serve, and end with 0 at a signal', async t => {
  const expense = startProgram(t, 'demo/expense/main.ts', anyPorts)
  const { address, metrics } = await expense.line('listening')
  const report = startProgram(t, 'demo/report/main.ts', [...anyPorts, '--expense', `http://${address}`])
  const reportLine = await report.line('listening')
  assert.equal(await (await fetch(`http://${reportLine['address']}/api/report/expense/version`)).text(), 'v1\n')
  assert.equal((await fetch(`http://${metrics}/metrics`)).status, 200)
  expense.child.kill('SIGTERM')
  report.child.kill('SIGINT')
  assert.deepEqual(await Promise.all([expense.exit(), report.exit()]), [0, 0])
})

test('a program ends in order while a caller holds an idle connection and Zipkin is a black hole', async t => {
  const blackHole = createServer(() => undefined)
  await new Promise<void>(resolve => blackHole.listen(0, '127.0.0.1', resolve))
  t.after(() => blackHole.close())
  const zipkin = `http://127.0.0.1:${(blackHole.address() as AddressInfo).port}/api/v2/spans`
  const expense = startProgram(t, 'demo/expense/main.ts', [...anyPorts, '--zipkin', zipkin])
  const { address } = await expense.line('listening')
  assert.equal((await fetch(`http://${address}/api/expense`)).status, 200)
  expense.child.kill('SIGTERM')
  assert.equal(await expense.exit(), 0)
})

test('a port that is taken ends the program with 1 and a line that says why; wrong usage ends it with 2', async t => {
  const { url } = await startExpense(t)
  const program = startProgram(t, 'demo/expense/main.ts', ['--listen', new URL(url).host, '--metrics', '127.0.0.1:0'])
  const line = await program.line('could not start')
  assert.equal((line['err'] as { code: string }).code, 'EADDRINUSE')
  assert.equal(await program.exit(), 1)
  assert.equal(await startProgram(t, 'demo/report/main.ts', ['--listen', 'nonsense']).exit(), 2)
  assert.equal(await startProgram(t, 'demo/load/main.ts', ['--help']).exit(), 0)
})

test('the load calls both report paths, takes a new rate while it runs, and sums up when it is stopped', async t => {
  const expense = await startExpense(t)
  const report = await startReport(t, expense.url)
  const args = ['--target', report.url, '--rate', '100', '--admin', '127.0.0.1:0', '--json']
  const load = startProgram(t, 'demo/load/main.ts', args)
  const { admin } = await load.line('started')
  const second = await load.line('second')
  assert.deepEqual(Object.keys(second['statuses'] as object), ['200'])
  assert.deepEqual(second['errors'], {})
  assert.notEqual(second['latencyMs'], null)
  assert.deepEqual(await callJson('POST', `http://${admin}/rate`, { rate: 7 }), { status: 200, body: { rate: 7 } })
  assert.equal((await callJson('POST', `http://${admin}/rate`, { rate: -7 })).status, 400)
  assert.equal((await load.line('second'))['ratePerSecond'], 7)
  load.child.kill('SIGTERM')
  const summary = await load.line('summary')
  assert.equal(await load.exit(), 0)
  const metrics = await (await fetch(report.metricsUrl)).text()
  const answered = [...metrics.matchAll(/^http_requests_total\{.*code="200"\} (\d+)$/gm)].map(([, count]) =>
    Number(count),
  )
  assert.equal(answered.length, 2, 'both paths were called')
  assert.equal(
    answered.reduce((sum, count) => sum + count),
    (summary['statuses'] as Record<string, number>)['200'],
  )
})

test('a target that is down is counted by reason, and does not end the load', async t => {
  const load = startProgram(t, 'demo/load/main.ts', ['--target', 'http://127.0.0.1:1', '--rate', '50', '--json'])
  const { errors, statuses } = await load.line('second')
  assert.deepEqual(Object.keys(errors as object), ['refused'])
  assert.deepEqual(statuses, {})
  load.child.kill('SIGINT')
  assert.equal(await load.exit(), 0)
})
