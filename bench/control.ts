/**
 * What thousands of proxies cost control, and how fast a decision reaches the last of them.
 * `node bench/control.ts [--proxies 1000] [--services 100] [--rounds 5] [--json]`
 *
 * Three processes: control as it is started by anybody; this one, which is the collector; and one that holds the snapshot streams
 * on raw sockets. All proxies may call the one service that is judged. A round: ticks with a failing version until control moves
 * its weight to 0 at the last stream; then it is set back by hand. The time runs from the tick that control decided on (the last
 * one sent before the first stream heard) to the last stream, on the machine's monotonic clock. On a machine with two cores the
 * reader of the streams takes one of them.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const here = fileURLToPath(import.meta.url)
const controlMain = fileURLToPath(new URL('../control/main.ts', import.meta.url))
const ENDPOINTS = 20
const TICKS_PER_SECOND = 4
const IDLE_S = 5
const SHORT_WINDOW_MS = 6000

const nowMs = () => Number(process.hrtime.bigint()) / 1e6
const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** What the reader of the streams tells. */
type Heard = { opened: number } | { firstAtMs: number; lastAtMs: number }

/** Holds the streams. Each time all of them have seen the text that is waited for, it tells when the first and the last did. */
function readStreams(port: number, proxies: number, services: number): void {
  const seen = new Uint8Array(proxies)
  let wanted = ''
  let count = 0
  let opened = 0
  let firstAtMs = 0
  const look = (at: number, text: string) => {
    if (wanted === '' || seen[at] === 1 || !text.includes(wanted)) return
    seen[at] = 1
    if (count === 0) firstAtMs = nowMs()
    count++
    if (count < proxies) return
    process.send!({ firstAtMs, lastAtMs: nowMs() } satisfies Heard)
    wanted = ''
  }
  process.on('message', (message: { want: string }) => {
    wanted = message.want
    count = 0
    seen.fill(0)
  })
  const open = (at: number) => {
    const judged = at < ENDPOINTS
    const query = new URLSearchParams({
      service: judged ? 'judged' : `s${at % services}`,
      version: judged && at % 2 === 1 ? 'v2' : 'v1',
      instance: `i${at}`,
      kind: 'sidecar',
      address: `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}:20000`,
    })
    const socket = connect(port, '127.0.0.1')
    let text = ''
    let greeted = false
    socket.setEncoding('latin1')
    socket.on('data', chunk => {
      text = text.slice(-20_000) + chunk
      look(at, text)
      if (text.endsWith('\n\r\n')) text = ''
      if (!greeted) process.send!({ opened: ++opened } satisfies Heard)
      greeted = true
    })
    socket.on('error', () => process.exit(1))
    socket.write(`GET /v1/snapshots?${query} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  }
  // A fleet does not open its streams within one millisecond.
  let next = 0
  const timer = setInterval(() => {
    for (let i = 0; i < 20 && next < proxies; i++) open(next++)
    if (next === proxies) clearInterval(timer)
  }, 10)
}

/** A row of the tick as callers saw it, or an endpoint's. */
function row(version: string, endpoint: string, requests: number, errors: number) {
  return {
    ...{ source: 's1', upstream: 'judged', version, endpoint, route: '', requests, ok: requests - errors },
    errors: { http5xx: errors, gateway: 0, reset: 0, timeout: 0 },
    ...{
      clientErrors: 0,
      retries: 0,
      rescued: 0,
      inFlight: 0,
      fusedBy: 0,
      knownBy: 1,
      sketch: [230, requests],
      traces: [],
    },
  }
}

function tickRows(failing: boolean) {
  const rows = [row('v1', '', 900, 0), row('v2', '', 100, failing ? 100 : 0)]
  for (let at = 0; at < ENDPOINTS; at++) {
    const bad = at % 2 === 1
    const requests = (bad ? 100 : 900) / (ENDPOINTS / 2)
    rows.push(row(bad ? 'v2' : 'v1', `i${at}`, requests, bad && failing ? requests : 0))
  }
  return rows
}

/** A collector that only ticks. */
async function collector() {
  const streams = new Set<ServerResponse>()
  const server = createServer((request, response) => {
    if (request.url !== '/live') return void request.resume().on('end', () => response.writeHead(202).end())
    response.write('{"protocol":1,"program":"collector","version":"0"}\n')
    streams.add(response)
    response.on('close', () => streams.delete(response))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  let failing = false
  let seq = 0
  const sentAtMs: number[] = []
  const timer = setInterval(() => {
    sentAtMs.push(nowMs())
    const tick = {
      seq: seq++,
      time: new Date().toISOString(),
      intervalMs: 250,
      rows: tickRows(failing),
      reporters: [],
      missing: [],
    }
    const line = `${JSON.stringify(tick)}\n`
    for (const stream of streams) stream.write(line)
  }, 1000 / TICKS_PER_SECOND)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fail(is: boolean) {
      failing = is
    },
    lastTickBefore: (atMs: number) => sentAtMs.findLast(sent => sent <= atMs) ?? Number.NaN,
    close() {
      clearInterval(timer)
      server.close()
      server.closeAllConnections()
    },
  }
}

/** CPU in ms and resident MiB of a process, from /proc. */
function usageOf(pid: number): { cpuMs: number; residentMiB: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]!
  return { cpuMs: (Number(stat[11]) + Number(stat[12])) * 10, residentMiB: Number(resident) / 1024 }
}

function meshOf(services: number): string {
  const others = Array.from({ length: services }, (_, at) => `  s${at}: {}`).join('\n')
  return `mesh: bench
services:
  judged:
    versions: { v1: { weight: 90 }, v2: { weight: 10 } }
    allow: [{ from: "*" }]
${others}
`
}

async function startControl(folder: string, services: number, collectorUrl: string) {
  const config = join(folder, 'mesh.yaml')
  writeFileSync(config, meshOf(services))
  const flags = [
    '--config',
    config,
    '--data',
    join(folder, 'data'),
    '--listen',
    '127.0.0.1:0',
    '--doors',
    'open-loopback',
    '--collector',
    collectorUrl,
  ]
  const child = spawn(process.execPath, [controlMain, ...flags, '--log-level', 'error'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const { addresses } = JSON.parse(line.toString()) as { addresses: { api: string } }
  return { child, port: Number(addresses.api.split(':')[1]), base: `http://${addresses.api}` }
}

async function post(url: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body: JSON.stringify({ who: 'bench', reason: 'next round', ...body }),
  })
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
}

/** What the reader tells, from now on: a listener that stays, since messages that come together would pass by one set up anew. */
function next<T extends Heard>(reader: ChildProcess, fits: (heard: Heard) => heard is T): Promise<T> {
  return new Promise(resolve => {
    const look = (heard: Heard) => {
      if (!fits(heard)) return
      reader.off('message', look)
      resolve(heard)
    }
    reader.on('message', look)
  })
}
const isRound = (heard: Heard): heard is { firstAtMs: number; lastAtMs: number } => 'lastAtMs' in heard

async function measure(proxies: number, services: number, rounds: number) {
  const folder = mkdtempSync(join(tmpdir(), 'trimtab-bench-'))
  const ticks = await collector()
  const control = await startControl(folder, services, ticks.url)
  const reader = fork(here, [
    '--streams',
    String(control.port),
    '--proxies',
    String(proxies),
    '--services',
    String(services),
  ])
  try {
    const before = usageOf(control.child.pid!)
    const openedAtMs = nowMs()
    await next(reader, (heard): heard is { opened: number } => 'opened' in heard && heard.opened === proxies)
    const joinMs = nowMs() - openedAtMs
    await sleep(3000)
    const joined = usageOf(control.child.pid!)
    await sleep(IDLE_S * 1000)
    const idle = usageOf(control.child.pid!)
    const reached: number[] = []
    const spread: number[] = []
    for (let round = 0; round < rounds; round++) {
      const moved = next(reader, isRound)
      reader.send({ want: '"v2":{"weight":0}' })
      ticks.fail(true)
      const { firstAtMs, lastAtMs } = await moved
      reached.push(lastAtMs - ticks.lastTickBefore(firstAtMs))
      spread.push(lastAtMs - firstAtMs)
      ticks.fail(false)
      const back = next(reader, isRound)
      reader.send({ want: '"v2":{"weight":10}' })
      // Pinned until the failures have left the judge's short window: the next round is to stand on its own evidence.
      await post(`${control.base}/v1/services/judged/weights`, { weights: { v2: 10 }, pin: true })
      await back
      await sleep(SHORT_WINDOW_MS)
      await post(`${control.base}/v1/services/judged/unpin`, { version: 'v2' })
    }
    return {
      proxies,
      services,
      joinMs: Math.round(joinMs),
      joinCpuMs: joined.cpuMs - before.cpuMs,
      idleCpuPercent: round2((idle.cpuMs - joined.cpuMs) / (IDLE_S * 10)),
      kibPerProxy: round2(((idle.residentMiB - before.residentMiB) * 1024) / proxies),
      residentMiB: Math.round(idle.residentMiB),
      toLastProxyMs: reached.map(round2),
      firstToLastMs: spread.map(round2),
    }
  } finally {
    reader.kill()
    control.child.kill()
    await once(control.child, 'exit')
    ticks.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const round2 = (value: number) => Math.round(value * 100) / 100

const { values } = parseArgs({
  options: {
    proxies: { type: 'string', default: '1000' },
    services: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    streams: { type: 'string' },
  },
})
if (values.streams === undefined) {
  const result = await measure(Number(values.proxies), Number(values.services), Number(values.rounds))
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${describe(result)}\n`)
} else readStreams(Number(values.streams), Number(values.proxies), Number(values.services))

function describe(result: Awaited<ReturnType<typeof measure>>): string {
  return [
    `${result.proxies} proxies of ${result.services} services`,
    `  all joined in ${result.joinMs} ms, for ${result.joinCpuMs} ms of CPU`,
    `  idle (${TICKS_PER_SECOND} ticks/s): ${result.idleCpuPercent} % of a core, ${result.residentMiB} MiB, ${result.kibPerProxy} KiB a proxy`,
    `  tick to the weight at the last proxy: ${result.toLastProxyMs.join(', ')} ms (first to last: ${result.firstToLastMs.join(', ')} ms)`,
  ].join('\n')
}
