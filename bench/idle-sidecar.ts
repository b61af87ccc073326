/**
 * What a sidecar weighs that nobody asks anything: its memory five seconds after its start, and the CPU that its start took, at its first
 * start, at a later one (Node then has what it compiled), beside bare Envoy and a Node that only listens.
 * `node bench/idle-sidecar.ts [--rounds 3]`. One at a time, rounds interleaved, medians are told. Looks for envoy on PATH or in
 * TRIMTAB_ENVOY; where it is missing it is left out.
 *
 * Resident memory counts the text of the program that is mapped, which all processes of one program share: the second sidecar of a machine
 * adds what is its own. The proportional size depends on what else runs that program, here the benchmark itself.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { nodeFlags } from '../runtime/node-flags.ts'
import { envoy } from './peers/envoy.ts'
import { snapshot, trimtabCommand } from './peers/trimtab.ts'
import { type Footprint, footprintOf } from './support/footprint.ts'
import { type Measured, PROXY_CORE, programOf, start } from './support/process.ts'
import { median, printTable } from './support/table.ts'
import { emptyWorld } from './support/world.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } })
const SETTLE_MS = 5000

await using empty = emptyWorld()
// Nobody is there: an idle sidecar has nothing to send but its reports.
const world = { ...empty, sinkPort: await empty.take() }
const versions = { v1: [await world.take()] }
const snapshotFile = `${world.folder}/snapshot.json`
writeFileSync(snapshotFile, JSON.stringify(snapshot({ versions })))
const compiled = { ...process.env, NODE_COMPILE_CACHE: `${world.folder}/compiled` }
const notCompiled = { ...process.env, NODE_COMPILE_CACHE: undefined, NODE_DISABLE_COMPILE_CACHE: '1' }

const sidecar = async (env: NodeJS.ProcessEnv): Promise<Measured> => {
  const port = await world.take()
  const command = await trimtabCommand(world, { service: 'caller', snapshotFile, outboundPort: port })
  return start(command, { core: PROXY_CORE, env, ready: { host: '127.0.0.1', port } })
}
const bareNode = async (): Promise<Measured> => {
  const port = await world.take()
  const listen = `require('node:net').createServer().listen(${port}, '127.0.0.1')`
  return start([process.execPath, ...nodeFlags, '-e', listen], {
    core: PROXY_CORE,
    ready: { host: '127.0.0.1', port },
  })
}
const envoyProgram = programOf('envoy')
const bareEnvoy = async (program: string): Promise<Measured> =>
  envoy(program, world, { port: await world.take(), versions, features: false })

const launches = new Map<string, () => Promise<Measured>>([
  ['Node, listening', bareNode],
  ...(envoyProgram === undefined ? [] : [['Envoy, bare', () => bareEnvoy(envoyProgram)] as const]),
  ['Trimtab sidecar, first start', () => sidecar(notCompiled)],
  ['Trimtab sidecar, later start', () => sidecar(compiled)],
])
const measured = new Map<string, (Footprint & { cpuSeconds: number })[]>([...launches.keys()].map(name => [name, []]))

// Leaves behind what later starts find.
await (await sidecar(compiled)).stop()
for (let round = 0; round < Number(values.rounds); round++)
  for (const [name, launch] of launches) {
    const process = await launch()
    await new Promise(resolve => setTimeout(resolve, SETTLE_MS))
    measured.get(name)!.push({ ...footprintOf(process.pid), cpuSeconds: process.cpuSeconds() })
    await process.stop()
  }

const of = (name: string, what: keyof Footprint | 'cpuSeconds') => median(measured.get(name)!.map(one => one[what]))
const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1)
const bases = [...launches.keys()].filter(name => !name.startsWith('Trimtab'))
printTable(
  ['idle', 'RSS MiB', 'of it own', 'Pss MiB', 'start CPU s', ...bases.map(name => `RSS x ${name}`)],
  [...launches.keys()].map(name => [
    name,
    mebibytes(of(name, 'rss')),
    mebibytes(of(name, 'own')),
    mebibytes(of(name, 'pss')),
    of(name, 'cpuSeconds').toFixed(2),
    ...bases.map(base => (of(name, 'rss') / of(base, 'rss')).toFixed(2)),
  ]),
)
