/**
 * CPU of a proxy per request that comes by HTTP/2 in clear text: Trimtab with everything on (as in proxy-cpu.ts), to endpoints that speak
 * HTTP/2 and to such that speak HTTP/1.1, beside bare Envoy, Envoy with like features, nghttpx and node:http2; and its memory per idle
 * connection. `node bench/http2-proxy.ts [--seconds 3] [--rounds 3]`. Proxies on core 0, load and endpoints on core 1; rounds are
 * interleaved, medians are told, for each shape of load (connections x streams at once). Looks for h2load, nghttpd, nghttpx, nginx and envoy
 * on PATH or in TRIMTAB_H2LOAD, TRIMTAB_NGHTTPD, TRIMTAB_NGHTTPX, TRIMTAB_NGINX, TRIMTAB_ENVOY; what is missing is left out.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { anyPortsOn } from '../cli/up/ports.ts'
import { envoy } from './peers/envoy.ts'
import { nghttpd, nghttpx } from './peers/nghttp2.ts'
import { nginxBackend } from './peers/nginx.ts'
import { nodeHttp2 } from './peers/node-http2.ts'
import { trimtabProxy } from './peers/trimtab.ts'
import { h2load } from './support/h2load.ts'
import { type Measured, programOf } from './support/process.ts'
import { median, printTable } from './support/table.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '3' }, rounds: { type: 'string', default: '3' } },
})
const PROXY_CORE = 0
const LOAD_CORE = 1
/** The first ones warm up the programs. */
const WARM_CONNECTIONS = 2000
const IDLE_CONNECTIONS = 4000
const shapes = [
  { clients: 8, streams: 8 },
  { clients: 32, streams: 1 },
  { clients: 2, streams: 32 },
]

interface Contender {
  name: string
  port: number
  process: Measured
  /** Of each shape. */
  usPerRequest: number[][]
  requestsPerSecond: number[][]
  failed: number
}

const loader = programOf('h2load', 'TRIMTAB_H2LOAD')
const server = programOf('nghttpd', 'TRIMTAB_NGHTTPD')
const nginx = programOf('nginx', 'TRIMTAB_NGINX')
if (loader === undefined || server === undefined || nginx === undefined) {
  console.log('http2-proxy is skipped: h2load, nghttpd and nginx are needed (apt-get install nghttp2 nginx-light)')
  process.exit(0)
}
const folder = mkdtempSync(`${tmpdir()}/trimtab-bench-`)
const ports = anyPortsOn('127.0.0.1', Math.random)
const take = () => ports.take(0, 'bench')
const takeTwice = async () => [await take(), await take()]
const sinkPort = await take()
const http1 = { v1: await takeTwice(), v2: await takeTwice() }
const http2 = { v1: await takeTwice(), v2: await takeTwice() }
const first = http2.v1[0]!
const backends = [
  await nginxBackend(nginx, folder, LOAD_CORE, [...http1.v1, ...http1.v2], sinkPort),
  ...(await Promise.all([...http2.v1, ...http2.v2].map(port => nghttpd(server, folder, LOAD_CORE, port)))),
]
const contenders: Contender[] = []
const add = async (name: string, launch: (port: number) => Promise<Measured>) => {
  const port = await take()
  const measures = () => shapes.map((): number[] => [])
  contenders.push({
    name,
    port,
    process: await launch(port),
    usPerRequest: measures(),
    requestsPerSecond: measures(),
    failed: 0,
  })
}
const ours = (versions: typeof http2, protocol: 'http' | 'http2') => async (port: number) =>
  trimtabProxy(folder, PROXY_CORE, {
    port,
    metricsPort: await take(),
    adminPort: await take(),
    inboundPort: await take(),
    versions,
    sinkPort,
    protocol,
  })
const envoyProgram = programOf('envoy', 'TRIMTAB_ENVOY')
const theirs = (program: string, features: boolean) => async (port: number) =>
  envoy(program, folder, PROXY_CORE, {
    port,
    adminPort: await take(),
    versions: http2,
    sinkPort,
    features,
    http2: true,
  })
if (envoyProgram !== undefined) await add('Envoy, bare', theirs(envoyProgram, false))
await add('Trimtab, everything on, to HTTP/2', ours(http2, 'http2'))
await add('Trimtab, everything on, to HTTP/1.1', ours(http1, 'http'))
if (envoyProgram !== undefined) await add('Envoy, like features, every span', theirs(envoyProgram, true))
const nghttpxProgram = programOf('nghttpx', 'TRIMTAB_NGHTTPX')
if (nghttpxProgram !== undefined)
  await add('nghttpx, bare', port => nghttpx(nghttpxProgram, PROXY_CORE, { port, upstream: first }))
await add('node:http2 on both sides, bare', port => nodeHttp2(PROXY_CORE, { port, upstream: first }))

const loadOn = async ({ port }: Contender, shape: (typeof shapes)[number], seconds: number) => {
  const uris = `${folder}/uris-${port}`
  writeFileSync(uris, Array.from({ length: 500 }, (_, n) => `http://127.0.0.1:${port}/trip?id=${n * 7919}`).join('\n'))
  return h2load(loader, { core: LOAD_CORE, ...shape, seconds, uris, host: 'backend' })
}
try {
  // Before the load, whose garbage would hide it.
  for (const contender of contenders) await tellIdle(contender)
  for (const contender of contenders) for (const shape of shapes) await loadOn(contender, shape, 1)
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [index, shape] of shapes.entries()) {
      for (const contender of contenders) {
        const before = contender.process.cpuSeconds()
        const { requests, failed, seconds } = await loadOn(contender, shape, Number(values.seconds))
        contender.usPerRequest[index]!.push(((contender.process.cpuSeconds() - before) * 1e6) / requests)
        contender.requestsPerSecond[index]!.push(requests / seconds)
        contender.failed += failed
      }
    }
  }
  for (const [index, { clients, streams }] of shapes.entries()) {
    const base = median(contenders[0]!.usPerRequest[index]!)
    printTable(
      [
        `\nHTTP/2, 100-byte answers, ${clients} connections x ${streams} streams`,
        'CPU us/request',
        `x ${contenders[0]!.name}`,
        'requests/s',
        'RSS MiB',
        'failed',
      ],
      contenders.map(({ name, usPerRequest, requestsPerSecond, process: measured, failed }) => [
        name,
        median(usPerRequest[index]!).toFixed(1),
        (median(usPerRequest[index]!) / base).toFixed(2),
        median(requestsPerSecond[index]!).toFixed(0),
        (measured.rssBytes() / 1048576).toFixed(0),
        String(failed),
      ]),
    )
  }
} finally {
  await Promise.all([...contenders.map(one => one.process), ...backends].map(one => one.stop()))
  rmSync(folder, { recursive: true, force: true })
}

/** Resident memory that each connection adds on which one request was made, and nothing since. */
async function tellIdle({ name, port, process: measured }: Contender): Promise<void> {
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
  const ack = Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0])
  const sockets: Socket[] = []
  const open = async (connections: number) => {
    for (let i = 0; i < connections; i++) {
      const socket = connect({ host: '127.0.0.1', port })
      sockets.push(socket)
      await once(socket, 'connect')
      socket.write(Buffer.concat([preface, settings, ack, request(i)]))
      await once(socket, 'data')
    }
    await new Promise(resolve => setTimeout(resolve, 500))
    return measured.rssBytes()
  }
  const before = await open(WARM_CONNECTIONS)
  const bytes = ((await open(IDLE_CONNECTIONS)) - before) / IDLE_CONNECTIONS
  console.log(`${name}: ${(bytes / 1024).toFixed(1)} KiB for each of ${IDLE_CONNECTIONS} idle connections`)
  for (const socket of sockets) socket.destroy()
}

/** GET /trip?id=n of backend, as literals without indexing. */
function request(n: number): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')])
  const field = (name: string, value: string) => Buffer.concat([Buffer.from([0x40]), text(name), text(value)])
  const block = Buffer.concat([
    Buffer.from([0x82, 0x86]),
    field(':path', `/trip?id=${n}`),
    field(':authority', 'backend'),
    field('user-agent', 'idle'),
  ])
  return Buffer.concat([Buffer.from([0, 0, block.length, 1, 5, 0, 0, 0, 1]), block])
}
