/**
 * What it costs to carry TCP as it is: CPU of the proxy per MiB relayed, and per short connection (connect, 100 bytes each way, end); ours
 * with limits, fuse, retries and counts on, beside HAProxy (mode tcp) and Envoy (tcp_proxy). And what memory it takes: RSS of the proxy after
 * each load, and what each connection adds that is held open, idle or stalled (`--held` of each kind; all of them are fewer than the limits of 1024).
 * `node bench/tcp-relay.ts [--seconds 3] [--rounds 5] [--connections 16] [--held 200]`. Proxies on core 0, both ends on core 1; rounds are interleaved,
 * medians are told. Looks for haproxy and envoy on PATH or in TRIMTAB_HAPROXY, TRIMTAB_ENVOY; what is missing is left out.
 */
import { execFile } from 'node:child_process'
import { parseArgs, promisify } from 'node:util'
import { envoyTcp } from './peers/envoy.ts'
import { haproxy } from './peers/haproxy.ts'
import { trimtabTcp } from './peers/trimtab.ts'
import { type Contender, type Contenders, contendersIn, type Load, measureInRounds } from './support/contenders.ts'
import { tellCpu } from './support/cpu-table.ts'
import { bytesPerHeldConnection, heldKinds } from './support/held-connections.ts'
import { LOAD_CORE, PROXY_CORE, programOf, start } from './support/process.ts'
import { printTable } from './support/table.ts'
import { emptyWorld } from './support/world.ts'
import type { LoadResult } from './support/wrk.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '16' },
    held: { type: 'string', default: '200' },
  },
})
const MIB = 1024 * 1024
const BULK_CONNECTIONS = '4'

await using world = emptyWorld()
const { folder, take } = world
const program = [process.execPath, 'bench/support/tcp-load.ts']
const upstream = await take()
const farEnd = await start([...program, 'serve', String(upstream)], {
  core: LOAD_CORE,
  ready: { host: '127.0.0.1', port: upstream },
})
world.stopping(farEnd)

/** One of each, on ports of their own; HAProxy first, where it is. */
async function launched(): Promise<Contenders> {
  const contenders = contendersIn(world)
  const haproxyProgram = programOf('haproxy')
  if (haproxyProgram !== undefined)
    await contenders.add('HAProxy, mode tcp', port =>
      haproxy(haproxyProgram, folder, PROXY_CORE, port, upstream, 'tcp'),
    )
  await contenders.add('Trimtab, tcp://', async port =>
    trimtabTcp(PROXY_CORE, { port, upstream, metricsPort: await take(), adminPort: await take() }),
  )
  const envoyProgram = programOf('envoy')
  if (envoyProgram !== undefined)
    await contenders.add('Envoy, tcp_proxy', async port =>
      envoyTcp(envoyProgram, folder, PROXY_CORE, { port, adminPort: await take(), upstream }),
    )
  return contenders
}

/** What counts as a request is a MiB, or a connection. */
const run = async (kind: 'bulk' | 'short', { port }: Contender, seconds: number): Promise<LoadResult> => {
  const connections = kind === 'bulk' ? BULK_CONNECTIONS : values.connections
  const args = ['-c', String(LOAD_CORE), ...program, kind, String(port), connections, String(seconds)]
  const { stdout } = await promisify(execFile)('taskset', args)
  const done = JSON.parse(stdout) as { bytes?: number; connections?: number }
  return { requests: done.connections ?? (done.bytes ?? 0) / MIB, failed: 0, seconds }
}
const bulk: Load<LoadResult> = (contender, seconds) => run('bulk', contender, seconds)
const short: Load<LoadResult> = (contender, seconds) => run('short', contender, seconds)
const plan = { warmSeconds: 1, seconds: Number(values.seconds), rounds: Number(values.rounds) }
{
  await using contenders = await launched()
  // One after the other: what short connections leave in memory is not to be told of bulk.
  for (const [title, load] of [
    ['TCP relayed as it is, a request is a MiB', bulk],
    ['a request is a short connection', short],
  ] as const) {
    const [measurements = []] = await measureInRounds(contenders.all, plan, [load])
    const first = measurements[0]!
    tellCpu({ title, measurements, bases: [{ head: `x ${first.contender.name}`, of: first }] })
    console.log('')
  }
}
await using fresh = await launched()
const rows: string[][] = []
for (const { name, port, processes } of fresh.all) {
  const begun = processes[0]!.rssBytes()
  const bytes = await bytesPerHeldConnection(processes[0]!, port, Number(values.held))
  rows.push([name, (begun / MIB).toFixed(0), ...bytes.map(each => (each / 1024).toFixed(0))])
}
printTable(['memory', 'RSS MiB at first', ...heldKinds.map(kind => `${kind}, KiB`)], rows)
