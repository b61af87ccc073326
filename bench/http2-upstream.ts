/**
 * CPU of a proxy per request that comes by HTTP/1.1 and goes on by HTTP/2 in clear text: Trimtab with everything on (as in proxy-cpu.ts)
 * beside bare Envoy, Envoy with like features, and nghttpx. `node bench/http2-upstream.ts [--seconds 3] [--rounds 5] [--connections 32]`.
 * Proxies on core 0, load and endpoints on core 1; rounds are interleaved, medians are told. Looks for wrk, nghttpd, nghttpx, nginx and
 * envoy on PATH or in TRIMTAB_WRK, TRIMTAB_NGHTTPD, TRIMTAB_NGHTTPX, TRIMTAB_NGINX, TRIMTAB_ENVOY; what is missing is left out.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { anyPortsOn } from '../cli/up/ports.ts'
import { envoy } from './peers/envoy.ts'
import { nghttpd, nghttpx } from './peers/nghttp2.ts'
import { nginxBackend } from './peers/nginx.ts'
import { trimtabProxy } from './peers/trimtab.ts'
import { type Measured, programOf } from './support/process.ts'
import { median, printTable } from './support/table.ts'
import { wrk } from './support/wrk.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '32' },
  },
})
const PROXY_CORE = 0
const LOAD_CORE = 1

interface Contender {
  name: string
  port: number
  process: Measured
  usPerRequest: number[]
  requestsPerSecond: number[]
  failed: number
}

const loader = programOf('wrk', 'TRIMTAB_WRK')
const server = programOf('nghttpd', 'TRIMTAB_NGHTTPD')
const nginx = programOf('nginx', 'TRIMTAB_NGINX')
if (loader === undefined || server === undefined || nginx === undefined) {
  console.log('http2-upstream is skipped: wrk, nghttpd and nginx are needed (apt-get install wrk nghttp2 nginx-light)')
  process.exit(0)
}
const folder = mkdtempSync(`${tmpdir()}/trimtab-bench-`)
const ports = anyPortsOn('127.0.0.1', Math.random)
const take = () => ports.take(0, 'bench')
const sinkPort = await take()
const versions = { v1: [await take(), await take()], v2: [await take(), await take()] }
const backends = [
  await nginxBackend(nginx, folder, LOAD_CORE, [await take()], sinkPort),
  ...(await Promise.all([...versions.v1, ...versions.v2].map(port => nghttpd(server, folder, LOAD_CORE, port)))),
]
const contenders: Contender[] = []
const add = async (name: string, launch: (port: number) => Promise<Measured>) => {
  const port = await take()
  contenders.push({ name, port, process: await launch(port), usPerRequest: [], requestsPerSecond: [], failed: 0 })
}
const envoyProgram = programOf('envoy', 'TRIMTAB_ENVOY')
const theirs = (program: string, features: boolean) => async (port: number) =>
  envoy(program, folder, PROXY_CORE, {
    port,
    adminPort: await take(),
    versions,
    sinkPort,
    features,
    http2: true,
    http1Clients: true,
  })
if (envoyProgram !== undefined) await add('Envoy, bare', theirs(envoyProgram, false))
await add('Trimtab, everything on', async port =>
  trimtabProxy(folder, PROXY_CORE, {
    port,
    metricsPort: await take(),
    adminPort: await take(),
    inboundPort: await take(),
    versions,
    sinkPort,
    protocol: 'http2',
  }),
)
if (envoyProgram !== undefined) await add('Envoy, like features, every span', theirs(envoyProgram, true))
const nghttpxProgram = programOf('nghttpx', 'TRIMTAB_NGHTTPX')
if (nghttpxProgram !== undefined)
  await add('nghttpx, bare', port => nghttpx(nghttpxProgram, PROXY_CORE, { port, upstream: versions.v1[0]! }))

const loadOn = ({ port }: Contender, seconds: number) =>
  wrk(loader, `http://127.0.0.1:${port}/trip`, {
    core: LOAD_CORE,
    connections: Number(values.connections),
    seconds,
    host: 'backend',
  })
try {
  for (const contender of contenders) await loadOn(contender, 1)
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const contender of contenders) {
      const before = contender.process.cpuSeconds()
      const { requests, failed, seconds } = await loadOn(contender, Number(values.seconds))
      contender.usPerRequest.push(((contender.process.cpuSeconds() - before) * 1e6) / requests)
      contender.requestsPerSecond.push(requests / seconds)
      contender.failed += failed
    }
  }
  const base = median(contenders[0]!.usPerRequest)
  printTable(
    [
      'HTTP/1.1 to HTTP/2, 100-byte answers',
      'CPU us/request',
      `x ${contenders[0]!.name}`,
      'requests/s',
      'RSS MiB',
      'failed',
    ],
    contenders.map(({ name, usPerRequest, requestsPerSecond, process: measured, failed }) => [
      name,
      median(usPerRequest).toFixed(1),
      (median(usPerRequest) / base).toFixed(2),
      median(requestsPerSecond).toFixed(0),
      (measured.rssBytes() / 1048576).toFixed(0),
      String(failed),
    ]),
  )
} finally {
  await Promise.all([...contenders.map(one => one.process), ...backends].map(one => one.stop()))
  rmSync(folder, { recursive: true, force: true })
}
