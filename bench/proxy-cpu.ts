/**
 * CPU of a proxy per proxied request: Trimtab with everything on (routes, weights, least request, retries armed, limits, fuse, metrics,
 * B3 and traceparent, every span shipped, traffic reports) beside bare nginx, bare HAProxy, and Envoy bare and with like features.
 * `node bench/proxy-cpu.ts [--seconds 4] [--rounds 5] [--connections 32]`. Proxies on core 0, load and backend on core 1; rounds are
 * interleaved, medians are told. Looks for nginx, haproxy, wrk and envoy on PATH or in TRIMTAB_NGINX, TRIMTAB_HAPROXY, TRIMTAB_WRK,
 * TRIMTAB_ENVOY; what is missing is left out.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { anyPortsOn } from '../cli/up/ports.ts'
import { envoy } from './peers/envoy.ts'
import { haproxy } from './peers/haproxy.ts'
import { nginxBackend, nginxProxy } from './peers/nginx.ts'
import { trimtabProxy } from './peers/trimtab.ts'
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

interface Contender {
  name: string
  url: string
  process: Measured
  usPerRequest: number[]
  requestsPerSecond: number[]
  failed: number
}

const wrkProgram = programOf('wrk', 'TRIMTAB_WRK')
const nginxProgram = programOf('nginx', 'TRIMTAB_NGINX')
if (wrkProgram === undefined || nginxProgram === undefined) {
  console.log('proxy-cpu is skipped: wrk and nginx are needed (apt-get install wrk nginx-light)')
  process.exit(0)
}
const folder = mkdtempSync(`${tmpdir()}/trimtab-bench-`)
const ports = anyPortsOn('127.0.0.1', Math.random)
const take = () => ports.take(0, 'bench')
const backendPorts = [await take(), await take(), await take(), await take()]
const sinkPort = await take()
const versions = { v1: backendPorts.slice(0, 2), v2: backendPorts.slice(2) }
const backend = await nginxBackend(nginxProgram, folder, LOAD_CORE, backendPorts, sinkPort)
const contenders: Contender[] = []
const add = async (name: string, launch: (port: number) => Promise<Measured>) => {
  const port = await take()
  contenders.push({
    name,
    url: `http://127.0.0.1:${port}/api/report/trip/42`,
    process: await launch(port),
    usPerRequest: [],
    requestsPerSecond: [],
    failed: 0,
  })
}
await add('nginx, bare', port => nginxProxy(nginxProgram, folder, PROXY_CORE, port, backendPorts[0]!))
const haproxyProgram = programOf('haproxy', 'TRIMTAB_HAPROXY')
if (haproxyProgram !== undefined)
  await add('HAProxy, bare', port => haproxy(haproxyProgram, folder, PROXY_CORE, port, backendPorts[0]!))
await add('Trimtab, everything on', async port =>
  trimtabProxy(folder, PROXY_CORE, {
    port,
    metricsPort: await take(),
    adminPort: await take(),
    inboundPort: await take(),
    versions,
    sinkPort,
  }),
)
const envoyProgram = programOf('envoy', 'TRIMTAB_ENVOY')
if (envoyProgram !== undefined) {
  await add('Envoy, bare', async port =>
    envoy(envoyProgram, folder, PROXY_CORE, { port, adminPort: await take(), versions, sinkPort, features: false }),
  )
  await add('Envoy, like features, every span', async port =>
    envoy(envoyProgram, folder, PROXY_CORE, { port, adminPort: await take(), versions, sinkPort, features: true }),
  )
}

const seconds = Number(values.seconds)
const connections = Number(values.connections)
for (const contender of contenders)
  await wrk(wrkProgram, contender.url, { core: LOAD_CORE, connections, seconds: 2, host: 'backend' })
for (let round = 0; round < Number(values.rounds); round++) {
  for (const contender of contenders) {
    const before = contender.process.cpuSeconds()
    const {
      requests,
      failed,
      seconds: took,
    } = await wrk(wrkProgram, contender.url, { core: LOAD_CORE, connections, seconds, host: 'backend' })
    contender.usPerRequest.push(((contender.process.cpuSeconds() - before) * 1e6) / requests)
    contender.requestsPerSecond.push(requests / took)
    contender.failed += failed
  }
}
const base = median(contenders[0]!.usPerRequest)
const last = median(contenders.at(-1)!.usPerRequest)
const hasEnvoy = envoyProgram !== undefined
printTable(
  [
    'HTTP/1.1, 100-byte answers, keep-alive',
    'CPU us/request',
    'x nginx',
    hasEnvoy ? 'x Envoy with features' : '',
    'requests/s',
    'RSS MiB',
    'failed',
  ],
  contenders.map(({ name, usPerRequest, requestsPerSecond, process: measured, failed }) => [
    name,
    median(usPerRequest).toFixed(1),
    (median(usPerRequest) / base).toFixed(2),
    hasEnvoy ? (median(usPerRequest) / last).toFixed(2) : '',
    median(requestsPerSecond).toFixed(0),
    (measured.rssBytes() / 1048576).toFixed(0),
    String(failed),
  ]),
)
await Promise.all([...contenders.map(({ process: measured }) => measured.stop()), backend.stop()])
rmSync(folder, { recursive: true, force: true })
