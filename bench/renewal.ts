/**
 * What renewing certificates and rotating the root costs those who call: two services with mTLS between them, certificates of 20 s
 * (renewed every ten), 500 requests a second for two minutes, the root rotated meanwhile. Told: requests that failed, renewals, how long
 * the rotation took. `node bench/renewal.ts [--rate 500] [--seconds 120] [--lifetime 20]`.
 */
import { parseArgs } from 'node:util'
import { request } from 'undici'
import type { AuthorityStatus } from '../control/identity/identity-status.ts'
import { benchMesh } from './support/mesh.ts'
import { application, openLoad } from './support/open-load.ts'
import { printTable } from './support/table.ts'

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '120' },
    lifetime: { type: 'string', default: '20' },
  },
})
const seconds = Number(values.seconds)
const meshFile = `mesh: bench
defaults: { mtls: strict, retries: off, shift: off }
intentions: { default: deny }
services:
  caller: {}
  target: { allow: [{ from: caller }] }
`
const app = await application()
const mesh = await benchMesh('renewal', meshFile, ['--certificate-lifetime', `${values.lifetime}s`])

async function control<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  const answer = await request(`http://${mesh.api}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (answer.statusCode >= 300) throw new Error(`${path}: ${answer.statusCode} ${await answer.body.text()}`)
  return (await answer.body.json()) as T
}

const { token } = await control<{ token: string }>('POST', '/v1/tokens', {
  kind: 'join',
  name: 'bench',
  reusable: true,
  expiresInMs: null,
})
await mesh.proxy({ service: 'target', version: 'v1', app: app.address, joinToken: token })
const { outbound, admin } = await mesh.proxy({ service: 'caller', version: 'v1', app: app.address, joinToken: token })

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
const authority = () => control<AuthorityStatus>('GET', '/v1/identity')

/** Of the caller's proxy. */
async function renewals(): Promise<number> {
  const { body } = await request(`http://${admin}/stats/prometheus`)
  return Number(/^trimtab_certificate_renewals_total(?:\{[^}]*\})? (\d+)/m.exec(await body.text())?.[1] ?? 0)
}

// Both must know of each other before anything is counted.
for (;;) {
  const { statusCode, body } = await request(`http://${outbound}/`, { headers: { host: 'target' } })
  await body.dump()
  if (statusCode === 200) break
  await pause(50)
}
const before = await renewals()
const startedMs = performance.now()
const load = openLoad(`http://${outbound}/`, 'target', Number(values.rate))
await pause(seconds * 250)
await control('POST', '/v1/identity/rotation', { action: 'rotate' })
const rotatingMs = performance.now()
let rotationSeconds = Number.NaN
while (performance.now() - startedMs < seconds * 1000) {
  const { step, roots } = await authority()
  if (Number.isNaN(rotationSeconds) && step === 'steady' && roots.length === 1)
    rotationSeconds = (performance.now() - rotatingMs) / 1000
  await pause(200)
}
await load.stop()
printTable(
  [`${values.rate} requests/s for ${seconds} s`, 'sent', 'failed', 'renewals of the caller', 'rotation took, s'],
  [
    [
      `certificates of ${values.lifetime} s, one root rotation`,
      String(load.sent),
      String(load.failed),
      String((await renewals()) - before),
      rotationSeconds.toFixed(1),
    ],
  ],
)
for (const line of load.said) console.log(`failed: ${line.slice(0, 300)}`)
await mesh.close()
process.exit(0)
