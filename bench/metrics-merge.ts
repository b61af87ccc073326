/**
 * What the merged /metrics costs, and how long it keeps requests waiting at a stretch. `node bench/metrics-merge.ts [--json]`
 *
 * One megabyte of an application's text (histograms of an HTTP server, some 10,000 samples) is read, merged with the proxy's own and
 * written, in the slices in which the endpoint does it. Beside it in the same run: the bodies pasted one after the other (what
 * Consul's merge does; it finds no fault, regroups nothing and fails as a whole), and prom-client writing an exposition of that size
 * from its registry. Asked of a merge: 40 ms, and no hold of the event loop beyond 5 ms. A hold is the time between two turns of the
 * event loop, garbage collection included; on a busy machine so are the neighbours, whose share the row of prom-client shows.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { Histogram, Registry } from 'prom-client'
import { request } from 'undici'
import type { ExpositionFormat } from '../protocol/prometheus/format.ts'
import { defaultExpositionLimits } from '../protocol/prometheus/limits.ts'
import { Merge } from '../protocol/prometheus/merge.ts'
import { encodings } from '../proxy/observe/merged-metrics/encodings.ts'
import { createMergedMetrics } from '../proxy/observe/merged-metrics/merged-metrics.ts'
import { readExposition } from '../proxy/observe/merged-metrics/read-source.ts'
import { createSlices } from '../proxy/observe/merged-metrics/slices.ts'
import { systemClock } from '../runtime/clock.ts'
import { median, printTable } from './support/table.ts'

const BODY_BYTES = 1_000_000
const OWN_BYTES = 20_000
const ROUNDS = 40
const WARMING = 5

interface Figure {
  what: string
  firstMs: number
  medianMs: number
  cpuMs: number
  /** The longest hold: of the median round, and of all rounds after the first five, which are spent on compiling. */
  holdMs: number
  worstHoldMs: number
}

function applicationText(prefix: string, bytes: number): string {
  let text = ''
  for (let family = 0; text.length < bytes; family++) {
    const name = `${prefix}_request_duration_${family}_seconds`
    text += `# HELP ${name} How long requests took.\n# TYPE ${name} histogram\n`
    for (const method of ['GET', 'POST', 'PUT'])
      for (const route of ['/trip/:id', '/expense/version', '/report'])
        for (const status of ['200', '404', '503'])
          text += histogram(name, `method="${method}",route="${route}",status="${status}"`)
  }
  return text
}

function histogram(name: string, labels: string): string {
  let text = ''
  let count = 0
  for (const le of ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '+Inf']) {
    count += 17
    text += `${name}_bucket{le="${le}",${labels}} ${count}\n`
  }
  return `${text}${name}_sum{${labels}} ${count * 0.0371}\n${name}_count{${labels}} ${count}\n`
}

/** Watches the event loop turn while something runs; resolves to the longest time between two turns. */
async function longestHold(run: () => Promise<unknown>): Promise<number> {
  let longestMs = 0
  let lastMs = performance.now()
  let running = true
  const turn = () => {
    const now = performance.now()
    longestMs = Math.max(longestMs, now - lastMs)
    lastMs = now
    if (running) setImmediate(turn)
  }
  setImmediate(turn)
  await run()
  running = false
  turn()
  return longestMs
}

async function measure(what: string, run: () => Promise<unknown>): Promise<Figure> {
  const times: number[] = []
  const cpu: number[] = []
  const holds: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    // Each round begins from an idle event loop, as a scrape does.
    await new Promise(resolve => setTimeout(resolve, 10))
    const usage = process.threadCpuUsage()
    const startMs = performance.now()
    holds.push(await longestHold(run))
    times.push(performance.now() - startMs)
    const { user, system } = process.threadCpuUsage(usage)
    cpu.push((user + system) / 1000)
  }
  const warm = holds.slice(WARMING)
  return {
    what,
    firstMs: times[0]!,
    medianMs: median(times.slice(WARMING)),
    cpuMs: median(cpu.slice(WARMING)),
    holdMs: median(warm),
    worstHoldMs: Math.max(...warm),
  }
}

const slices = createSlices(systemClock)

/** What the endpoint does between the last byte of the sources and the first of the answer. */
async function mergeInSlices(own: string, app: string, format: ExpositionFormat): Promise<Buffer> {
  const merge = new Merge({ conflicts: 'drop' })
  for (const [source, body] of [
    ['proxy', own],
    ['app', app],
  ] as const) {
    const exposition = { status: 'ok', body, contentType: undefined, framed: true } as const
    const read = await readExposition(exposition, defaultExpositionLimits, slices)
    if (read.status === 'failed') throw new Error(read.detail)
    await slices.run(merge.add(source, read.families))
  }
  return encodings(merge.families(), slices).bytes(format, false)
}

function promClientRegistry(bytes: number): Registry {
  const registry = new Registry()
  const histograms = Math.ceil(bytes / applicationText('app', 1).length)
  for (let family = 0; family < histograms; family++) {
    const name = `app_request_duration_${family}_seconds`
    const labelNames = ['method', 'route', 'status']
    const duration = new Histogram({ name, help: 'How long requests took.', labelNames, registers: [registry] })
    for (const method of ['GET', 'POST', 'PUT'])
      for (const route of ['/trip/:id', '/expense/version', '/report'])
        for (const status of ['200', '404', '503']) duration.observe({ method, route, status }, 0.03)
  }
  return registry
}

/** The application of the whole scrape, in a thread of its own so that its work is not taken for ours. */
async function serveApplication(): Promise<void> {
  const body = Buffer.from(applicationText('app', BODY_BYTES))
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4').end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  parentPort!.postMessage((server.address() as AddressInfo).port)
}

async function wholeScrape(own: string): Promise<Figure> {
  const worker = new Worker(fileURLToPath(import.meta.url))
  const [port] = (await once(worker, 'message')) as [number]
  const sources = [{ name: 'app', url: `http://127.0.0.1:${port}/metrics` }]
  const running = await createMergedMetrics({ own: () => own, sources }).listen({ host: '127.0.0.1', port: 0 })
  const figure = await measure('whole scrape over HTTP, scraper included', async () => {
    const { body, statusCode } = await request(`http://127.0.0.1:${running.address.port}/metrics`)
    const { byteLength } = await body.arrayBuffer()
    if (statusCode !== 200 || byteLength < BODY_BYTES) throw new Error(`scrape of ${byteLength} bytes: ${statusCode}`)
  })
  await running.close()
  await worker.terminate()
  return figure
}

function print(figures: readonly Figure[]): void {
  const paste = figures.find(({ what }) => what.startsWith('paste'))!
  const ms = (value: number) => value.toFixed(value < 1 ? 3 : 1)
  printTable(
    ['', 'first ms', 'median ms', 'CPU ms', 'longest hold ms', 'worst', 'x paste'],
    figures.map(({ what, firstMs, medianMs, cpuMs, holdMs, worstHoldMs }) => [
      what,
      ...[firstMs, medianMs, cpuMs, holdMs, worstHoldMs].map(ms),
      (medianMs / paste.medianMs).toFixed(0),
    ]),
  )
}

async function main(): Promise<void> {
  const own = applicationText('proxy', OWN_BYTES)
  const app = Buffer.from(applicationText('app', BODY_BYTES)).toString()
  const samples = app.split('\n').filter(line => line !== '' && !line.startsWith('#')).length
  const registry = promClientRegistry(BODY_BYTES)
  const ownBytes = Buffer.from(own)
  const appBytes = Buffer.from(app)
  const figures = [
    await measure('merge to text', () => mergeInSlices(own, app, 'text')),
    await measure('merge to OpenMetrics', () => mergeInSlices(own, app, 'openmetrics')),
    await measure('paste (Consul)', async () => Buffer.concat([ownBytes, appBytes])),
    await measure('prom-client writes as much', () => registry.metrics()),
    await wholeScrape(own),
  ]
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ bytes: app.length, samples, rounds: ROUNDS, figures }))
    return
  }
  console.log(
    `${app.length} bytes of application text, ${samples} samples, ${ROUNDS} rounds; asked: 40 ms, holds of 5 ms at most`,
  )
  print(figures)
}

await (isMainThread ? main() : serveApplication())
