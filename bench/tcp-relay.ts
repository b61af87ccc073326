/**
 * What it costs to carry TCP as it is: CPU of the proxy per MiB relayed, and per short connection (connect, 100 bytes each way, end); ours
 * with limits, fuse, retries and counts on, beside HAProxy (mode tcp) and Envoy (tcp_proxy). `node bench/tcp-relay.ts [--seconds 3] [--rounds 5] [--connections 16]`. Proxies on core 0, both ends on core 1; rounds are
 * interleaved, medians are told. Looks for haproxy and envoy on PATH or in TRIMTAB_HAPROXY, TRIMTAB_ENVOY; what is missing is left out.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs, promisify } from 'node:util'
import { anyPortsOn } from '../cli/up/ports.ts'
import { envoyTcp } from './peers/envoy.ts'
import { haproxy } from './peers/haproxy.ts'
import { trimtabTcp } from './peers/trimtab.ts'
import { type Measured, programOf, start } from './support/process.ts'
import { median, printTable } from './support/table.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '16' },
  },
})
const PROXY_CORE = 0
const LOAD_CORE = 1
const MIB = 1024 * 1024

interface Contender {
  name: string
  port: number
  process: Measured
  usPerMib: number[]
  mibPerSecond: number[]
  usPerConnection: number[]
}

const folder = mkdtempSync(`${tmpdir()}/trimtab-bench-`)
const ports = anyPortsOn('127.0.0.1', Math.random)
const take = () => ports.take(0, 'bench')
const load = [process.execPath, 'bench/support/tcp-load.ts']
const farPort = await take()
const farEnd = await start([...load, 'serve', String(farPort)], {
  core: LOAD_CORE,
  ready: { host: '127.0.0.1', port: farPort },
})
const contenders: Contender[] = []
const add = async (name: string, launch: (port: number) => Promise<Measured>) => {
  const port = await take()
  contenders.push({ name, port, process: await launch(port), usPerMib: [], mibPerSecond: [], usPerConnection: [] })
}
const haproxyProgram = programOf('haproxy', 'TRIMTAB_HAPROXY')
if (haproxyProgram !== undefined)
  await add('HAProxy, mode tcp', port => haproxy(haproxyProgram, folder, PROXY_CORE, port, farPort, 'tcp'))
await add('Trimtab, tcp://', async port =>
  trimtabTcp(PROXY_CORE, { port, upstream: farPort, metricsPort: await take(), adminPort: await take() }),
)
const envoyProgram = programOf('envoy', 'TRIMTAB_ENVOY')
if (envoyProgram !== undefined)
  await add('Envoy, tcp_proxy', async port =>
    envoyTcp(envoyProgram, folder, PROXY_CORE, { port, adminPort: await take(), upstream: farPort }),
  )

for (const contender of contenders) for (const kind of ['bulk', 'short'] as const) await measure(contender, kind, 1)
for (const contender of contenders) for (const list of figuresOf(contender)) list.length = 0
for (let round = 0; round < Number(values.rounds); round++)
  for (const contender of contenders)
    for (const kind of ['bulk', 'short'] as const) await measure(contender, kind, Number(values.seconds))
tell()
await Promise.all([...contenders.map(({ process: measured }) => measured.stop()), farEnd.stop()])
rmSync(folder, { recursive: true, force: true })

function figuresOf({ usPerMib, mibPerSecond, usPerConnection }: Contender): number[][] {
  return [usPerMib, mibPerSecond, usPerConnection]
}

async function measure(contender: Contender, kind: 'bulk' | 'short', seconds: number): Promise<void> {
  const { process: measured, port } = contender
  const before = measured.cpuSeconds()
  const connections = kind === 'bulk' ? '4' : values.connections
  const args = ['-c', String(LOAD_CORE), ...load, kind, String(port), connections, String(seconds)]
  const { stdout } = await promisify(execFile)('taskset', args)
  const us = (measured.cpuSeconds() - before) * 1e6
  const done = JSON.parse(stdout) as { bytes?: number; connections?: number }
  if (done.connections !== undefined) contender.usPerConnection.push(us / done.connections)
  if (done.bytes === undefined) return
  contender.usPerMib.push(us / (done.bytes / MIB))
  contender.mibPerSecond.push(done.bytes / MIB / seconds)
}

function tell(): void {
  const base = contenders[0]!
  const ratio = (of: (contender: Contender) => number[], contender: Contender) =>
    (median(of(contender)) / median(of(base))).toFixed(2)
  const against = `x ${base.name.split(',')[0]}`
  printTable(
    ['TCP relayed as it is', 'CPU us/MiB', against, 'MiB/s', 'CPU us/connection', against, 'RSS MiB'],
    contenders.map(contender => [
      contender.name,
      median(contender.usPerMib).toFixed(0),
      ratio(({ usPerMib }) => usPerMib, contender),
      median(contender.mibPerSecond).toFixed(0),
      median(contender.usPerConnection).toFixed(0),
      ratio(({ usPerConnection }) => usPerConnection, contender),
      (contender.process.rssBytes() / MIB).toFixed(0),
    ]),
  )
}
