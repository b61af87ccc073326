/**
 * CPU of a proxy per request that comes by HTTP/2 in clear text: Trimtab with everything on (as in proxy-cpu.ts), to endpoints that speak
 * HTTP/2 and to such that speak HTTP/1.1, beside bare Envoy, Envoy with like features, nghttpx and node:http2; and its memory per idle
 * connection. `node bench/http2-proxy.ts [--seconds 3] [--rounds 3]`. Proxies on core 0, load and endpoints on core 1; rounds are
 * interleaved, medians are told, for each shape of load (connections x streams at once). Looks for h2load, nghttpd, nghttpx, nginx and envoy
 * on PATH or in TRIMTAB_H2LOAD, TRIMTAB_NGHTTPD, TRIMTAB_NGHTTPX, TRIMTAB_NGINX, TRIMTAB_ENVOY; what is missing is left out.
 */
import { parseArgs } from 'node:util'
import { envoy } from './peers/envoy.ts'
import { nghttpx } from './peers/nghttp2.ts'
import { nodeHttp2 } from './peers/node-http2.ts'
import { trimtabProxy } from './peers/trimtab.ts'
import { type Contender, contendersIn, measureInRounds } from './support/contenders.ts'
import { tellCpu } from './support/cpu-table.ts'
import { h2load } from './support/h2load.ts'
import { bytesPerIdleConnection } from './support/idle-memory.ts'
import { PROXY_CORE, programOf, programsOrSkip } from './support/process.ts'
import { openWorld } from './support/world.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '3' }, rounds: { type: 'string', default: '3' } },
})
const IDLE_CONNECTIONS = 4000
const shapes = [
  { clients: 8, streams: 8 },
  { clients: 32, streams: 1 },
  { clients: 2, streams: 32 },
]

const programs = programsOrSkip('http2-proxy', ['h2load', 'nghttpd', 'nginx'])
await using world = await openWorld(programs.nginx)
const { http1 } = world
const http2 = await world.http2(programs.nghttpd)
const first = http2.v1[0]

await using contenders = contendersIn(world)
const envoyProgram = programOf('envoy')
const theirs = (program: string, features: boolean) => (port: number) =>
  envoy(program, world, { port, versions: http2, features, http2: true })
if (envoyProgram !== undefined) await contenders.add('Envoy, bare', theirs(envoyProgram, false))
await contenders.add('Trimtab, everything on, to HTTP/2', port =>
  trimtabProxy(world, { port, versions: http2, protocol: 'http2' }),
)
await contenders.add('Trimtab, everything on, to HTTP/1.1', port => trimtabProxy(world, { port, versions: http1 }))
if (envoyProgram !== undefined) await contenders.add('Envoy, like features, every span', theirs(envoyProgram, true))
const nghttpxProgram = programOf('nghttpx')
if (nghttpxProgram !== undefined)
  await contenders.add('nghttpx, bare', port => nghttpx(nghttpxProgram, PROXY_CORE, { port, upstream: first }))
await contenders.add('node:http2 on both sides, bare', port => nodeHttp2(PROXY_CORE, { port, upstream: first }))

// Before the load, whose garbage would hide it.
for (const { name, port, processes } of contenders.all) {
  const bytes = await bytesPerIdleConnection(processes[0]!, port, IDLE_CONNECTIONS)
  console.log(`${name}: ${(bytes / 1024).toFixed(1)} KiB for each of ${IDLE_CONNECTIONS} idle connections`)
}
const told = await measureInRounds(
  contenders.all,
  { warmSeconds: 1, seconds: Number(values.seconds), rounds: Number(values.rounds) },
  shapes.map(
    shape =>
      ({ port }: Contender, seconds: number) =>
        h2load(programs.h2load, { ...shape, port, seconds, folder: world.folder }),
  ),
)
for (const [index, { clients, streams }] of shapes.entries()) {
  const measurements = told[index]!
  tellCpu({
    title: `\nHTTP/2, 100-byte answers, ${clients} connections x ${streams} streams`,
    measurements,
    bases: [{ head: `x ${contenders.all[0]!.name}`, of: measurements[0]! }],
  })
}
