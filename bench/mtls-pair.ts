/**
 * What mTLS between two proxies costs: CPU of both per request of client -> proxy =mTLS=> proxy -> application, ours with
 * everything on and every span shipped, beside a bare nginx pair and an Envoy pair with like features; and the called side's CPU per
 * handshake, full and resumed. `node bench/mtls-pair.ts [--seconds 4] [--rounds 5] [--connections 32]`. Proxies on core 0, load and
 * application on core 1; rounds are interleaved, medians are told. Looks for nginx, wrk and envoy on PATH or in TRIMTAB_NGINX, TRIMTAB_WRK,
 * TRIMTAB_ENVOY; what is missing is left out.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { type AddPair, launchPairs } from './peers/pairs.ts'
import { type Contender, contendersIn, measureInRounds } from './support/contenders.ts'
import { tellCpu } from './support/cpu-table.ts'
import { LOAD_CORE, type Measured, programsOrSkip } from './support/process.ts'
import { median, printTable } from './support/table.ts'
import { openWorld } from './support/world.ts'
import { wrk } from './support/wrk.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '32' },
  },
})
const HANDSHAKE_ROUNDS = 3

interface Pair {
  name: string
  called: Measured
  securePort: number
  usHandshake: { full: number[]; resumed: number[] }
  failedHandshakes: number
}

const programs = programsOrSkip('mtls-pair', ['wrk', 'nginx'])
await using world = await openWorld(programs.nginx)
await using contenders = contendersIn(world)
const pairs: Pair[] = []
const add: AddPair = async (name, launch) => {
  const securePort = await world.take()
  const { processes } = await contenders.add(name, port => launch({ out: port, in: securePort }))
  const usHandshake = { full: [], resumed: [] }
  pairs.push({ name, called: processes[1]!, securePort, usHandshake, failedHandshakes: 0 })
}
const callerFiles = await launchPairs(world, programs.nginx, add)

const load = ({ port }: Contender, seconds: number) =>
  wrk(programs.wrk, { port, path: '/api/report/trip/42', connections: Number(values.connections), seconds })
const isEnvoy = ({ contender }: { contender: Contender }) => contender.name.startsWith('Envoy')
const plan = { warmSeconds: 2, seconds: Number(values.seconds), rounds: Number(values.rounds) }
const [measurements = []] = await measureInRounds(contenders.all, plan, [load])
for (const pair of pairs)
  for (const kind of ['full', 'resumed'] as const)
    for (let round = 0; round < HANDSHAKE_ROUNDS; round++) pair.usHandshake[kind].push(await usPerHandshake(pair, kind))
tellCpu({
  title: 'mTLS pair (ours speaks HTTP/2 in between), 100-byte answers',
  measurements,
  processes: ['calling', 'called'],
  bases: [
    { head: 'x nginx', of: measurements[0]! },
    ...measurements.filter(isEnvoy).map(of => ({ head: 'x Envoy', of })),
  ],
})
console.log('')
tellHandshakes()

async function usPerHandshake(pair: Pair, kind: 'full' | 'resumed'): Promise<number> {
  const { ca, cert, key } = callerFiles
  const before = pair.called.cpuSeconds()
  const told = await promisify(execFile)('taskset', [
    '-c',
    String(LOAD_CORE),
    process.execPath,
    fileURLToPath(import.meta.resolve('./support/handshaker.ts')),
    ...[String(pair.securePort), ca, cert, key, '2', kind],
  ])
  const { done, resumed, failed } = JSON.parse(told.stdout) as { done: number; resumed: number; failed: number }
  pair.failedHandshakes += failed
  if (kind === 'resumed' && resumed < done * 0.9) return Number.NaN
  return ((pair.called.cpuSeconds() - before) * 1e6) / done
}

function tellHandshakes(): void {
  const perSecond = (us: number) => (Number.isNaN(us) ? 'none' : (1e6 / us).toFixed(0))
  printTable(
    ['handshakes of the called side', 'full us', 'full/s a core', 'resumed us', 'resumed/s a core', 'failed'],
    pairs.map(({ name, usHandshake: { full, resumed }, failedHandshakes }) => [
      name,
      median(full).toFixed(0),
      perSecond(median(full)),
      median(resumed).toFixed(0),
      perSecond(median(resumed)),
      String(failedHandshakes),
    ]),
  )
}
