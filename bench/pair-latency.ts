/**
 * Latency of the whole way between two services, at a rate that all can carry: client -> proxy =mTLS=> proxy -> application, 2,000 requests/s
 * of HTTP/1.1 over 16 connections, ours with everything on and every span shipped (HTTP/2 in between), beside Envoy's pair with like features,
 * a bare nginx pair, and the application alone. `node bench/pair-latency.ts [--seconds 4] [--rounds 3] [--rate 2000] [--connections 16]
 * [--warm 12]`. Proxies on core 0, load and application on core 1; rounds are interleaved; of each round's percentiles the medians are told,
 * and those of the first seconds (`--warm`) for themselves. What is measured and how the load comes: see http2-latency.ts and
 * paced-h2load.ts. Looks for programs as mtls-pair.ts does.
 */
import { parseArgs } from 'node:util'
import { launchPairs } from './peers/pairs.ts'
import { type Contender, contendersIn, measureInRounds } from './support/contenders.ts'
import { tellLatency } from './support/latency-tables.ts'
import { pacedH2load } from './support/paced-h2load.ts'
import { programsOrSkip } from './support/process.ts'
import { openWorld } from './support/world.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    rate: { type: 'string', default: '2000' },
    connections: { type: 'string', default: '16' },
    warm: { type: 'string', default: '12' },
  },
})
const requestsPerSecond = Number(values.rate)
const clients = Number(values.connections)

const programs = programsOrSkip('pair-latency', ['h2load', 'nginx'])
await using world = await openWorld(programs.nginx)
await using contenders = contendersIn(world)
await launchPairs(world, programs.nginx, async (name, launch) => {
  const securePort = await world.take()
  await contenders.add(name, port => launch({ out: port, in: securePort }))
})
const direct: Contender = { name: 'no proxy', port: world.http1.v1[0], processes: [] }

const path = '/api/report/trip'
const load = ({ port }: Contender, seconds: number) =>
  pacedH2load(programs.h2load, { port, clients, seconds, requestsPerSecond, folder: world.folder, path, http1: true })
const plan = { warmSeconds: Number(values.warm), seconds: Number(values.seconds), rounds: Number(values.rounds) }
const [measurements = []] = await measureInRounds([direct, ...contenders.all], plan, [load])
tellLatency({
  title: `mTLS pair at ${requestsPerSecond} req/s over ${clients} connections, 100-byte answers`,
  warmSeconds: plan.warmSeconds,
  without: measurements[0]!,
  // Envoy's where it is, else nginx's.
  base: measurements.find(({ contender }) => contender.name.startsWith('Envoy')) ?? measurements[1]!,
  measurements,
})
