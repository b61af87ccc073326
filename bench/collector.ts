/**
 * The collector: spans a second, CPU per span (all its processes, until ClickHouse has the last span), and how long an acknowledgement
 * takes at half the highest rate. Zipkin JSON of about 430 bytes a span, every acknowledgement after an fsync; and Zipkin's own server,
 * which keeps spans in memory, for comparison.
 * `node bench/collector.ts [--seconds 6] [--connections 8]`. The collector on core 0, the load on core 1. Zipkin is measured when java is
 * on PATH and TRIMTAB_ZIPKIN_JAR names its server's jar.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { Pool } from 'undici'
import { anyPortsOn } from '../cli/up/ports.ts'
import { type Measured, programOf, start } from './support/process.ts'
import { printTable } from './support/table.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '6' }, connections: { type: 'string', default: '8' } },
})
const COLLECTOR_CORE = 0
const LOAD_CORE = 1
const SPANS_A_TRACE = 8
const seconds = Number(values.seconds)
const connections = Number(values.connections)

interface Contender {
  name: string
  url: string
  process: Measured
  /** Comes back once everything that was taken has gone its whole way. */
  drained: () => Promise<void>
}

interface Load {
  spans: number
  refused: number
  tookSeconds: number
  /** Of each request, sorted. */
  latenciesMs: number[]
}

/** A body of spans whose ids are written anew for each use, so that no two spans sent are the same. */
function bodyOf(spansCount: number): { bytes: Buffer; renew: () => void } {
  const id = '0123456789abcdef'
  const span = (index: number) => ({
    traceId: `463ac35c9f6413ad${id}`,
    parentId: 'a2fb4a1d1a96d312',
    id,
    kind: index % 2 === 0 ? 'SERVER' : 'CLIENT',
    name: 'get /api/report/trip',
    timestamp: Date.now() * 1000,
    duration: 12_345 + index,
    localEndpoint: { serviceName: index % 2 === 0 ? 'report' : 'expense', ipv4: '10.0.0.12', port: 9091 },
    remoteEndpoint: { ipv4: '10.0.0.13', port: 41_234 },
    tags: {
      'http.method': 'GET',
      'http.path': '/api/report/trip/d7fd4bf6',
      'http.status_code': '200',
      'service.version': 'v2',
    },
  })
  const bytes = Buffer.from(JSON.stringify(Array.from({ length: spansCount }, (_, index) => span(index))))
  const places: number[] = []
  for (let at = bytes.indexOf(id); at >= 0; at = bytes.indexOf(id, at + 1)) places.push(at)
  return {
    bytes,
    renew() {
      for (let place = 0; place < places.length; place += 2) {
        const index = place / 2
        bytes.write(nextHex(index % SPANS_A_TRACE === 0 ? 'trace' : 'same trace'), places[place]!, 'latin1')
        bytes.write(nextHex('span'), places[place + 1]!, 'latin1')
      }
    },
  }
}

let lastId = 0x1000_0000
let lastTrace = ''
function nextHex(what: 'trace' | 'same trace' | 'span'): string {
  if (what === 'same trace' && lastTrace !== '') return lastTrace
  const hex = (++lastId).toString(16).padStart(16, '1')
  if (what !== 'span') lastTrace = hex
  return hex
}

/** Posts batches for some seconds: as fast as it goes, or so many spans a second. */
async function load(url: string, batch: number, forSeconds: number, spansPerSecond?: number): Promise<Load> {
  const { origin, pathname: path } = new URL(url)
  const pool = new Pool(origin, { connections })
  const latenciesMs: number[] = []
  let [spans, refused, sent] = [0, 0, 0]
  const startedAt = performance.now()
  const endAt = startedAt + forSeconds * 1000
  const sender = async () => {
    const body = bodyOf(batch)
    while (performance.now() < endAt) {
      if (spansPerSecond !== undefined) {
        const dueAt = startedAt + (sent++ * batch * 1000) / spansPerSecond
        if (dueAt > performance.now()) await new Promise(resolve => setTimeout(resolve, dueAt - performance.now()))
      }
      body.renew()
      const sentAt = performance.now()
      const answer = await pool.request({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json' },
        body: body.bytes,
      })
      await answer.body.dump()
      latenciesMs.push(performance.now() - sentAt)
      if (answer.statusCode === 202) spans += batch
      else refused += batch
    }
  }
  await Promise.all(Array.from({ length: connections }, sender))
  await pool.close()
  return {
    spans,
    refused,
    tookSeconds: (performance.now() - startedAt) / 1000,
    latenciesMs: latenciesMs.sort((a, b) => a - b),
  }
}

async function measure(contender: Contender, batch: number): Promise<string[]> {
  await load(contender.url, batch, 2)
  await contender.drained()
  const cpuBefore = contender.process.cpuSeconds()
  const full = await load(contender.url, batch, seconds)
  await contender.drained()
  const usPerSpan = ((contender.process.cpuSeconds() - cpuBefore) * 1e6) / full.spans
  const half = await load(contender.url, batch, seconds, full.spans / full.tookSeconds / 2)
  await contender.drained()
  const p99 = half.latenciesMs[Math.floor(half.latenciesMs.length * 0.99)] ?? Number.NaN
  return [
    contender.name,
    String(batch),
    Math.round(full.spans / full.tookSeconds).toLocaleString('en'),
    usPerSpan.toFixed(1),
    p99.toFixed(1),
    Math.round(contender.process.rssBytes() / 1024 ** 2).toString(),
    String(full.refused + half.refused),
  ]
}

const folder = mkdtempSync(`${tmpdir()}/trimtab-bench-collector-`)
const ports = anyPortsOn('127.0.0.1', Math.random)
const take = () => ports.take(0, 'bench')

async function trimtab(name: string, clickhouse: 'off' | 'embedded'): Promise<Contender> {
  const [zipkin, health, telemetry] = [await take(), await take(), await take()]
  const command = [
    ...[process.execPath, 'collector/main.ts', '--data', `${folder}/${clickhouse}`, '--clickhouse', clickhouse],
    ...['--zipkin', `127.0.0.1:${zipkin}`, '--health', `127.0.0.1:${health}`, '--telemetry', `127.0.0.1:${telemetry}`],
    ...['--log-level', 'error'],
  ]
  const measured = await start(command, { core: COLLECTOR_CORE, ready: { host: '127.0.0.1', port: telemetry } })
  const queued = async () => {
    const text = await (await fetch(`http://127.0.0.1:${telemetry}/metrics`)).text()
    return [...text.matchAll(/^trimtab_collector_shipper_queued\{.*\} (\d+)$/gm)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    )
  }
  return {
    name,
    url: `http://127.0.0.1:${zipkin}/api/v2/spans`,
    process: measured,
    async drained() {
      while ((await queued()) > 0) await new Promise(resolve => setTimeout(resolve, 100))
    },
  }
}

async function zipkin(java: string, jar: string): Promise<Contender> {
  const port = await take()
  const env = { ...process.env, QUERY_PORT: String(port), STORAGE_TYPE: 'mem' }
  const measured = await start([java, '-Xmx1g', '-jar', jar], {
    core: COLLECTOR_CORE,
    env,
    ready: { host: '127.0.0.1', port },
  })
  return {
    name: "Zipkin's server, in memory",
    url: `http://127.0.0.1:${port}/api/v2/spans`,
    process: measured,
    drained: async () => {},
  }
}

/** Processes that this one started and that have not ended. */
function startedHere(): number[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
}

execFileSync('taskset', ['-a', '-pc', String(LOAD_CORE), String(process.pid)], { stdio: 'ignore' })
const launches: (() => Promise<Contender>)[] = [
  () => trimtab('Trimtab, synced log', 'off'),
  () => trimtab('Trimtab, synced log and ClickHouse', 'embedded'),
]
const java = programOf('java')
const jar = process.env['TRIMTAB_ZIPKIN_JAR']
if (java !== undefined && jar !== undefined) launches.push(() => zipkin(java, jar))
const rows: string[][] = []
try {
  // One after the other: a contender that idles still has timers and collections of garbage on the same core.
  for (const launch of launches) {
    const contender = await launch().catch((error: Error) => {
      console.log(`left out: ${error.message}`)
      return undefined
    })
    if (contender === undefined) continue
    try {
      for (const batch of [100, 1000]) rows.push(await measure(contender, batch))
    } finally {
      await contender.process.stop()
    }
  }
} finally {
  // A contender that never listened still runs.
  for (const pid of startedHere()) process.kill(pid, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}
printTable(['collector', 'batch', 'spans/s', 'CPU us/span', 'ack p99 ms at half', 'RSS MiB', 'refused'], rows)
if (jar === undefined) console.log("Zipkin's server is left out: TRIMTAB_ZIPKIN_JAR names no jar")
