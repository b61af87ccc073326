/**
 * CPU of a proxy per proxied request: Trimtab with everything on (routes, weights, least request, retries armed, limits, fuse, metrics,
 * B3 and traceparent, every span shipped, traffic reports) beside bare nginx, bare HAProxy, and Envoy bare and with like features.
 * `node bench/proxy-cpu.ts [--seconds 4] [--rounds 5] [--connections 32]`. Proxies on core 0, load and backend on core 1; rounds are
 * interleaved, medians are told. Looks for nginx, haproxy, wrk and envoy on PATH or in TRIMTAB_NGINX, TRIMTAB_HAPROXY, TRIMTAB_WRK,
 * TRIMTAB_ENVOY; what is missing is left out.
 */
import { parseArgs } from 'node:util'
import { envoy } from './peers/envoy.ts'
import { haproxy } from './peers/haproxy.ts'
import { nginxProxy } from './peers/nginx.ts'
import { trimtabProxy } from './peers/trimtab.ts'
import { type Contender, contendersIn, measureInRounds } from './support/contenders.ts'
import { tellCpu } from './support/cpu-table.ts'
import { PROXY_CORE, programOf, programsOrSkip } from './support/process.ts'
import { openWorld } from './support/world.ts'
import { wrk } from './support/wrk.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '32' },
  },
})

const programs = programsOrSkip('proxy-cpu', ['wrk', 'nginx'])
await using world = await openWorld(programs.nginx)
const { folder, http1: versions } = world
const first = versions.v1[0]

await using contenders = contendersIn(world)
await contenders.add('nginx, bare', port => nginxProxy(programs.nginx, folder, PROXY_CORE, port, first))
const haproxyProgram = programOf('haproxy')
if (haproxyProgram !== undefined)
  await contenders.add('HAProxy, bare', port => haproxy(haproxyProgram, folder, PROXY_CORE, port, first))
await contenders.add('Trimtab, everything on', port => trimtabProxy(world, { port, versions }))
const envoyProgram = programOf('envoy')
if (envoyProgram !== undefined) {
  await contenders.add('Envoy, bare', port => envoy(envoyProgram, world, { port, versions, features: false }))
  await contenders.add('Envoy, like features, every span', port =>
    envoy(envoyProgram, world, { port, versions, features: true }),
  )
}

const load = ({ port }: Contender, seconds: number) =>
  wrk(programs.wrk, { port, path: '/api/report/trip/42', connections: Number(values.connections), seconds })
const plan = { warmSeconds: 2, seconds: Number(values.seconds), rounds: Number(values.rounds) }
const [measurements = []] = await measureInRounds(contenders.all, plan, [load])
tellCpu({
  title: 'HTTP/1.1, 100-byte answers, keep-alive',
  measurements,
  bases: [
    { head: 'x nginx', of: measurements[0]! },
    ...(envoyProgram === undefined ? [] : [{ head: 'x Envoy with features', of: measurements.at(-1)! }]),
  ],
})
