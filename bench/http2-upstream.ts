/**
 * CPU of a proxy per request that comes by HTTP/1.1 and goes on by HTTP/2 in clear text: Trimtab with everything on (as in proxy-cpu.ts)
 * beside bare Envoy, Envoy with like features, and nghttpx. `node bench/http2-upstream.ts [--seconds 3] [--rounds 5] [--connections 32]`.
 * Proxies on core 0, load and endpoints on core 1; rounds are interleaved, medians are told. Looks for wrk, nghttpd, nghttpx, nginx and
 * envoy on PATH or in TRIMTAB_WRK, TRIMTAB_NGHTTPD, TRIMTAB_NGHTTPX, TRIMTAB_NGINX, TRIMTAB_ENVOY; what is missing is left out.
 */
import { parseArgs } from 'node:util'
import { envoy } from './peers/envoy.ts'
import { nghttpx } from './peers/nghttp2.ts'
import { trimtabProxy } from './peers/trimtab.ts'
import { type Contender, contendersIn, measureInRounds } from './support/contenders.ts'
import { tellCpu } from './support/cpu-table.ts'
import { PROXY_CORE, programOf, programsOrSkip } from './support/process.ts'
import { openWorld } from './support/world.ts'
import { wrk } from './support/wrk.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '32' },
  },
})

const programs = programsOrSkip('http2-upstream', ['wrk', 'nghttpd', 'nginx'])
await using world = await openWorld(programs.nginx)
const versions = await world.http2(programs.nghttpd)

await using contenders = contendersIn(world)
const envoyProgram = programOf('envoy')
const theirs = (program: string, features: boolean) => (port: number) =>
  envoy(program, world, { port, versions, features, http2: true, http1Clients: true })
if (envoyProgram !== undefined) await contenders.add('Envoy, bare', theirs(envoyProgram, false))
await contenders.add('Trimtab, everything on', port => trimtabProxy(world, { port, versions, protocol: 'http2' }))
if (envoyProgram !== undefined) await contenders.add('Envoy, like features, every span', theirs(envoyProgram, true))
const nghttpxProgram = programOf('nghttpx')
if (nghttpxProgram !== undefined)
  await contenders.add('nghttpx, bare', port => nghttpx(nghttpxProgram, PROXY_CORE, { port, upstream: versions.v1[0] }))

const load = ({ port }: Contender, seconds: number) =>
  wrk(programs.wrk, { port, path: '/trip', connections: Number(values.connections), seconds })
const plan = { warmSeconds: 1, seconds: Number(values.seconds), rounds: Number(values.rounds) }
const [measurements = []] = await measureInRounds(contenders.all, plan, [load])
tellCpu({
  title: 'HTTP/1.1 to HTTP/2, 100-byte answers',
  measurements,
  bases: [{ head: `x ${contenders.all[0]!.name}`, of: measurements[0]! }],
})
