/**
 * How fast a failing candidate loses its traffic, end to end through real proxies: 1000 requests a second (open loop), a candidate at
 * 10 % that fails from one moment on. Told: time from the fault to weight 0 at the caller's proxy, and how many requests failed for the
 * caller until then; median and worst of the trials. `node bench/shift.ts [--trials 10] [--rate 1000] [--errors 1,0.2]`.
 */
import { parseArgs } from 'node:util'
import { request } from 'undici'
import { benchMesh } from './support/mesh.ts'
import { application, openLoad } from './support/open-load.ts'
import { median, printTable } from './support/table.ts'

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '10' },
    rate: { type: 'string', default: '1000' },
    errors: { type: 'string', default: '1,0.2' },
  },
})
const ratePerSecond = Number(values.rate)
const apps = { v1: await application(), v2: await application(), caller: await application() }

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

const mesh = await benchMesh('shift', meshFile(true))
await mesh.proxy({ service: 'target', version: 'v1', app: apps.v1.address })
await mesh.proxy({ service: 'target', version: 'v2', app: apps.v2.address })
const { outbound, admin } = await mesh.proxy({ service: 'caller', version: 'v1', app: apps.caller.address })

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
    request(`http://${mesh.api}/v1/services/target/${path}`, {
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
  mesh.file(meshFile(fuse))
  for (const errors of values.errors.split(',').map(Number)) {
    const times: number[] = []
    const fails: number[] = []
    for (let trial = 0; trial < Number(values.trials); trial++) {
      const running = openLoad(`http://${outbound}/`, 'target', ratePerSecond)
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
await mesh.close()
process.exit(0)
