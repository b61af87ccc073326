/**
 * Latency at a rate that all can carry: 4,000 requests/s over 8 connections of HTTP/2 in clear text, to endpoints that speak it, through
 * bare Envoy, Trimtab with everything on (as in proxy-cpu.ts), Envoy with like features, nghttpx, node:http2, and through nothing.
 * `node bench/http2-latency.ts [--seconds 4] [--rounds 5] [--rate 4000] [--warm 12]`. Proxies on core 0, load and endpoints on core 1;
 * rounds are interleaved; of each round's percentiles the medians are told, and those of the first seconds (`--warm`) for themselves: what
 * is compiled while it runs is slow until then. Looks for programs as http2-proxy.ts does.
 *
 * What is measured: the time from the request's HEADERS leaving h2load to the end of its answer, by h2load's log. Requests go out by the
 * clock and not by answers, but in bursts (see paced-h2load.ts), so that most of them wait behind others of their burst. What a proxy adds
 * is its percentile less that of the same load without a proxy: a difference of percentiles, not a percentile of differences. All threads
 * of a proxy share its core, so a collector of garbage that works beside the traffic takes its time from it.
 */
import { parseArgs } from 'node:util'
import { envoy } from './peers/envoy.ts'
import { nghttpd, nghttpx } from './peers/nghttp2.ts'
import { nodeHttp2 } from './peers/node-http2.ts'
import { trimtabProxy } from './peers/trimtab.ts'
import { type Contender, contendersIn, measureInRounds } from './support/contenders.ts'
import { tellLatency } from './support/latency-tables.ts'
import { pacedH2load } from './support/paced-h2load.ts'
import { LOAD_CORE, PROXY_CORE, programOf, programsOrSkip } from './support/process.ts'
import { openWorld } from './support/world.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    rate: { type: 'string', default: '4000' },
    warm: { type: 'string', default: '12' },
  },
})
const CONNECTIONS = 8
const requestsPerSecond = Number(values.rate)

const programs = programsOrSkip('http2-latency', ['h2load', 'nghttpd', 'nginx'])
await using world = await openWorld(programs.nginx)
const versions = await world.http2(programs.nghttpd)
const first = versions.v1[0]

await using contenders = contendersIn(world)
await contenders.add('no proxy', port => nghttpd(programs.nghttpd, world.folder, LOAD_CORE, port))
const envoyProgram = programOf('envoy')
const theirs = (program: string, features: boolean) => (port: number) =>
  envoy(program, world, { port, versions, features, http2: true })
if (envoyProgram !== undefined) await contenders.add('Envoy, bare', theirs(envoyProgram, false))
await contenders.add('Trimtab, everything on', port => trimtabProxy(world, { port, versions, protocol: 'http2' }))
if (envoyProgram !== undefined) await contenders.add('Envoy, like features, every span', theirs(envoyProgram, true))
const nghttpxProgram = programOf('nghttpx')
if (nghttpxProgram !== undefined)
  await contenders.add('nghttpx, bare', port => nghttpx(nghttpxProgram, PROXY_CORE, { port, upstream: first }))
await contenders.add('node:http2 on both sides, bare', port => nodeHttp2(PROXY_CORE, { port, upstream: first }))

const load = ({ port }: Contender, seconds: number) =>
  pacedH2load(programs.h2load, { port, clients: CONNECTIONS, seconds, requestsPerSecond, folder: world.folder })
const plan = { warmSeconds: Number(values.warm), seconds: Number(values.seconds), rounds: Number(values.rounds) }
const [measurements = []] = await measureInRounds(contenders.all, plan, [load])
tellLatency({
  title: `HTTP/2 at ${requestsPerSecond} req/s over ${CONNECTIONS} connections, 100-byte answers`,
  warmSeconds: plan.warmSeconds,
  without: measurements[0]!,
  base: measurements[1]!,
  measurements,
})
