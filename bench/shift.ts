/**
 * How fast a failing candidate loses its traffic, end to end through real proxies: 1000 requests a second (open loop), a candidate at
 * 10 % that fails from one moment on. Told: time from the fault to weight 0 at the caller's proxy, and how many requests failed for the
 * caller until then; median and worst of the trials. `node bench/shift.ts [--trials 10] [--rate 1000] [--errors 1,0.2]`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { Agent, request } from 'undici'
import { child } from '../cli/up/child.ts'
import { anyPortsOn } from '../cli/up/ports.ts'
import { listen } from '../runtime/address.ts'
import { median, printTable } from './support/table.ts'

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '10' },
    rate: { type: 'string', default: '1000' },
    errors: { type: 'string', default: '1,0.2' },
  },
})
const ratePerSecond = Number(values.rate)
const folder = mkdtempSync(`${tmpdir()}/trimtab-shift-`)
const ports = anyPortsOn('127.0.0.1', Math.random)
const take = async () => `127.0.0.1:${await ports.take(0, 'bench')}`

/** An application that fails with a settable share. */
async function application(): Promise<{ address: string; fail(share: number): void; close(): void }> {
  let share = 0
  const server = createServer((_request, response) => {
    response.statusCode = Math.random() < share ? 500 : 200
    response.end('hello')
  })
  const { port } = await listen(server, { host: '127.0.0.1', port: 0 })
  return {
    address: `127.0.0.1:${port}`,
    fail(next) {
      share = next
    },
    close: () => server.closeAllConnections(),
  }
}

interface Load {
  failed: number
  sent: number
  stop(): Promise<void>
}

/** Constant arrivals, whatever comes back. */
function load(url: string, host: string): Load {
  const agent = new Agent({ connections: 100, pipelining: 1 })
  const counts = { failed: 0, sent: 0 }
  const startedMs = performance.now()
  const under = new Set<Promise<void>>()
  const one = async (): Promise<void> => {
    try {
      const answer = await request(url, { dispatcher: agent, headers: { host } })
      await answer.body.dump()
      if (answer.statusCode >= 500) counts.failed++
    } catch {
      counts.failed++
    }
  }
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedMs) / 1000) * ratePerSecond)
    for (; counts.sent < due; counts.sent++) {
      const call = one()
      under.add(call)
      void call.finally(() => under.delete(call))
    }
  }, 2)
  return {
    get failed() {
      return counts.failed
    },
    get sent() {
      return counts.sent
    },
    async stop() {
      clearInterval(timer)
      await Promise.all(under)
      await agent.close()
    },
  }
}

const apps = { v1: await application(), v2: await application(), caller: await application() }
const api = await take()
const zipkin = await take()

function meshFile(fuse: boolean): string {
  const check = fuse ? '{ interval: 10s, maxFailures: 3, baseEjection: 1s, maxEjection: 1s }' : 'off'
  return `mesh: bench
defaults: { mtls: off, retries: off }
intentions: { default: allow }
services:
  caller: {}
  target:
    versions: { v1: { weight: 90 }, v2: { weight: 10 } }
    passiveHealthCheck: ${check}
    slo: { availability: 99.9%, latency: { under: 250ms, share: 99% } }
    shift: { mode: automatic, holdFor: 10m, returnOver: 10m }
`
}

const file = `${folder}/mesh.yaml`
writeFileSync(file, meshFile(true))
const outbound = await take()
const admin = await take()
const program = (name: string, args: readonly string[]) =>
  child({
    name,
    script: 'cli/trimtab.ts',
    args: [...args, '--log-level', 'warn', '--until-parent-gone'],
    env: process.env,
    logFile: `${folder}/${name}.log`,
    isReady: line => line['msg'] === 'ready',
    onDeath: () => {},
    onReturn: () => {},
  })
const proxy = async (service: string, version: string, app: string, out: string, adminAddress: string) =>
  // biome-ignore format: one flag with its value
  program(`proxy-${service}-${version}`, ['proxy', '--service', service, '--version', version, '--instance', `${service}-${version}`, '--app', app, '--app-metrics', 'none', '--inbound', await take(), '--outbound', out, '--metrics', await take(), '--admin', adminAddress, '--control', `http://${api}`])
const children = [
  program('collector', [
    'collector',
    '--data',
    `${folder}/collector`,
    '--zipkin',
    zipkin,
    '--health',
    await take(),
    '--telemetry',
    await take(),
    '--clickhouse',
    'off',
  ]),
  program('control', [
    'control',
    '--doors',
    'open-loopback',
    '--config',
    file,
    '--data',
    `${folder}/control`,
    '--listen',
    api,
    '--collector',
    `http://${zipkin}`,
  ]),
  await proxy('target', 'v1', apps.v1.address, await take(), await take()),
  await proxy('target', 'v2', apps.v2.address, await take(), await take()),
  await proxy('caller', 'v1', apps.caller.address, outbound, admin),
]
for (const started of children) await started.start()

/** The candidate's share as the caller's proxy has it. */
async function share(): Promise<number> {
  const { body } = await request(`http://${admin}/explain?method=GET&url=http://target/`)
  const explanation = (await body.json()) as { versions?: Record<string, number> }
  return explanation.versions?.['v2'] ?? 0
}

async function until(holds: () => Promise<boolean>, withinMs: number, everyMs: number): Promise<boolean> {
  const end = performance.now() + withinMs
  while (performance.now() < end) {
    if (await holds()) return true
    await new Promise(resolve => setTimeout(resolve, everyMs))
  }
  return false
}

/** The short window of the guard, and a little: what failed in the trial before is out of it then. */
const FORGOTTEN_MS = 6000

/** Puts the standing weights back and waits until the candidate takes its tenth again, and keeps it unpinned. */
async function reset(): Promise<void> {
  const post = (path: string, body: unknown) =>
    request(`http://${api}/v1/services/target/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }).then(answer => answer.body.dump())
  await post('weights', { weights: { v1: 90, v2: 10 }, pin: true, reason: 'next trial', who: 'bench' })
  await until(async () => (await share()) > 0, 5000, 20)
  await new Promise(resolve => setTimeout(resolve, FORGOTTEN_MS))
  await post('unpin', { reason: 'next trial', who: 'bench' })
  await new Promise(resolve => setTimeout(resolve, 2000))
  if ((await share()) === 0) await reset()
}

const rows: string[][] = []
for (const fuse of [true, false]) {
  writeFileSync(file, meshFile(fuse))
  for (const errors of values.errors.split(',').map(Number)) {
    const times: number[] = []
    const fails: number[] = []
    for (let trial = 0; trial < Number(values.trials); trial++) {
      const running = load(`http://${outbound}/`, 'target')
      await reset()
      const failedBefore = running.failed
      const startedMs = performance.now()
      apps.v2.fail(errors)
      const left = await until(async () => (await share()) === 0, 30_000, 5)
      times.push(left ? performance.now() - startedMs : Number.POSITIVE_INFINITY)
      fails.push(running.failed - failedBefore)
      apps.v2.fail(0)
      await running.stop()
    }
    rows.push([
      `${100 * errors} % errors, local fuse ${fuse ? 'on' : 'off'}`,
      median(times).toFixed(0),
      Math.max(...times).toFixed(0),
      median(fails).toFixed(0),
      Math.max(...fails).toFixed(0),
    ])
  }
}
printTable(
  [
    `${ratePerSecond} requests/s, candidate at 10 %`,
    'to weight 0, ms: median',
    'worst',
    'failed requests: median',
    'worst',
  ],
  rows,
)
await Promise.all(children.map(started => started.stop(3000)))
rmSync(folder, { recursive: true, force: true })
process.exit(0)
