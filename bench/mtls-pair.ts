/**
 * What mTLS between two proxies costs: CPU of both per request of client -> proxy =mTLS=> proxy -> application, ours with
 * everything on and every span shipped, beside a bare nginx pair and an Envoy pair with like features; and the called side's CPU per
 * handshake, full and resumed. `node bench/mtls-pair.ts [--seconds 4] [--rounds 5] [--connections 32]`. Proxies on core 0, load and
 * application on core 1; rounds are interleaved, medians are told. Looks for nginx, wrk and envoy on PATH or in TRIMTAB_NGINX, TRIMTAB_WRK,
 * TRIMTAB_ENVOY; what is missing is left out.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { anyPortsOn } from '../cli/up/ports.ts'
import { envoy } from './peers/envoy.ts'
import { nginxBackend, nginxPair } from './peers/nginx.ts'
import { trimtabPair } from './peers/trimtab-pair.ts'
import { dnsName, type PairIdentity, pairIdentities } from './support/pair-identities.ts'
import { type Measured, programOf } from './support/process.ts'
import { median, printTable } from './support/table.ts'
import { wrk } from './support/wrk.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '32' },
  },
})
const PROXY_CORE = 0
const LOAD_CORE = 1

interface Pair {
  name: string
  url: string
  securePort: number
  sides: { out: Measured; in: Measured }
  usOut: number[]
  usIn: number[]
  requestsPerSecond: number[]
  failed: number
  usHandshake: { full: number[]; resumed: number[] }
}

const wrkProgram = programOf('wrk', 'TRIMTAB_WRK')
const nginxProgram = programOf('nginx', 'TRIMTAB_NGINX')
if (wrkProgram === undefined || nginxProgram === undefined) {
  console.log('mtls-pair is skipped: wrk and nginx are needed (apt-get install wrk nginx-light)')
  process.exit(0)
}
const folder = mkdtempSync(`${tmpdir()}/trimtab-bench-`)
const ports = anyPortsOn('127.0.0.1', Math.random)
const take = () => ports.take(0, 'bench')
const [caller, called] = (await pairIdentities(folder, ['caller', 'backend'])) as [PairIdentity, PairIdentity]
const [appPort, sinkPort] = [await take(), await take()]
const app = await nginxBackend(nginxProgram, folder, LOAD_CORE, [appPort], sinkPort)
const pairs: Pair[] = []
const add = async (name: string, launch: (ports: { out: number; in: number }) => Promise<Pair['sides']>) => {
  const at = { out: await take(), in: await take() }
  const url = `http://127.0.0.1:${at.out}/api/report/trip/42`
  const measured = { usOut: [], usIn: [], requestsPerSecond: [], failed: 0, usHandshake: { full: [], resumed: [] } }
  pairs.push({ name, url, securePort: at.in, sides: await launch(at), ...measured })
}
await add('nginx pair, bare', at =>
  nginxPair(
    nginxProgram,
    folder,
    PROXY_CORE,
    { ...at, upstream: appPort },
    { out: caller.files, in: called.files, name: dnsName },
  ),
)
await add('Trimtab pair, everything on', async at =>
  trimtabPair(folder, PROXY_CORE, {
    out: {
      identity: caller,
      outboundPort: at.out,
      inboundPort: await take(),
      metricsPort: await take(),
      adminPort: await take(),
    },
    in: {
      identity: called,
      outboundPort: await take(),
      inboundPort: at.in,
      metricsPort: await take(),
      adminPort: await take(),
    },
    appPort,
    sinkPort,
  }),
)
const envoyProgram = programOf('envoy', 'TRIMTAB_ENVOY')
if (envoyProgram !== undefined)
  await add('Envoy pair, like features, every span', async at => {
    const side = async (name: 'in' | 'out', port: number, target: number, own: PairIdentity, peer: PairIdentity) =>
      envoy(envoyProgram, folder, PROXY_CORE, {
        port,
        adminPort: await take(),
        versions: { v1: [target], v2: [target] },
        sinkPort,
        features: true,
        tls: { side: name, files: own.files, peer: peer.spiffeId },
      })
    return {
      in: await side('in', at.in, appPort, called, caller),
      out: await side('out', at.out, at.in, caller, called),
    }
  })

await requests(Number(values.rounds), Number(values.seconds), Number(values.connections))
for (const pair of pairs)
  for (const kind of ['full', 'resumed'] as const)
    for (let round = 0; round < 3; round++) pair.usHandshake[kind].push(await usPerHandshake(pair, kind))
tell()
await Promise.all([...pairs.flatMap(({ sides }) => [sides.out.stop(), sides.in.stop()]), app.stop()])
rmSync(folder, { recursive: true, force: true })

async function requests(rounds: number, seconds: number, connections: number): Promise<void> {
  for (const { url } of pairs)
    await wrk(wrkProgram!, url, { core: LOAD_CORE, connections, seconds: 2, host: 'backend' })
  for (let round = 0; round < rounds; round++) {
    for (const pair of pairs) {
      const before = { out: pair.sides.out.cpuSeconds(), in: pair.sides.in.cpuSeconds() }
      const load = await wrk(wrkProgram!, pair.url, { core: LOAD_CORE, connections, seconds, host: 'backend' })
      pair.usOut.push(((pair.sides.out.cpuSeconds() - before.out) * 1e6) / load.requests)
      pair.usIn.push(((pair.sides.in.cpuSeconds() - before.in) * 1e6) / load.requests)
      pair.requestsPerSecond.push(load.requests / load.seconds)
      pair.failed += load.failed
    }
  }
}

async function usPerHandshake(pair: Pair, kind: 'full' | 'resumed'): Promise<number> {
  const { ca, cert, key } = caller.files
  const before = pair.sides.in.cpuSeconds()
  const told = await promisify(execFile)('taskset', [
    '-c',
    String(LOAD_CORE),
    process.execPath,
    fileURLToPath(import.meta.resolve('./support/handshaker.ts')),
    ...[String(pair.securePort), ca, cert, key, '2', kind],
  ])
  const { done, resumed, failed } = JSON.parse(told.stdout) as { done: number; resumed: number; failed: number }
  pair.failed += failed
  if (kind === 'resumed' && resumed < done * 0.9) return Number.NaN
  return ((pair.sides.in.cpuSeconds() - before) * 1e6) / done
}

function tell(): void {
  const sums = pairs.map(({ usOut, usIn }) => usOut.map((us, round) => us + usIn[round]!))
  const [base, last] = [median(sums[0]!), median(sums.at(-1)!)]
  const hasEnvoy = envoyProgram !== undefined
  printTable(
    [
      'mTLS pair (ours speaks HTTP/2 in between), 100-byte answers',
      'CPU us/request',
      'calling',
      'called',
      'x nginx',
      hasEnvoy ? 'x Envoy' : '',
      'requests/s',
      'failed',
    ],
    pairs.map(({ name, usOut, usIn, requestsPerSecond, failed }, index) => [
      name,
      median(sums[index]!).toFixed(1),
      median(usOut).toFixed(1),
      median(usIn).toFixed(1),
      (median(sums[index]!) / base).toFixed(2),
      hasEnvoy ? (median(sums[index]!) / last).toFixed(2) : '',
      median(requestsPerSecond).toFixed(0),
      String(failed),
    ]),
  )
  console.log('')
  const perSecond = (us: number) => (Number.isNaN(us) ? 'none' : (1e6 / us).toFixed(0))
  printTable(
    ['handshakes of the called side', 'full us', 'full/s a core', 'resumed us', 'resumed/s a core'],
    pairs.map(({ name, usHandshake: { full, resumed } }) => [
      name,
      median(full).toFixed(0),
      perSecond(median(full)),
      median(resumed).toFixed(0),
      perSecond(median(resumed)),
    ]),
  )
}
