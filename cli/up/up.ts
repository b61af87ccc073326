import { mkdirSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseAddress } from '../../runtime/address.ts'
import { settingsOrExit } from '../../runtime/command.ts'
import { endWithParent, exitCode, isRunByNpm } from '../../runtime/lifecycle.ts'
import type { Invocation } from '../../runtime/settings.ts'
import { meshConfigOrExit } from '../mesh-file.ts'
import { type RunFile, readRunFile, removeRunFile, writeRunFile } from '../run-file.ts'
import { joinTokenOf } from './join-token.ts'
import { liveTable } from './live-table.ts'
import { createMesh, type Mesh } from './mesh.ts'
import { type Plan, planDemo } from './plan.ts'
import { anyPortsOn, portsOn } from './ports.ts'
import { screen } from './screen.ts'
import { program, settings, type UpSettings } from './settings.ts'

const HOST = '127.0.0.1'
/** All processes together get this long to end, then they are killed: Ctrl-C is answered within five seconds. */
const STOP_GRACE_MS = 3000
const demoMesh = new URL('../../demo/mesh.yaml', import.meta.url).pathname

/** `trimtab up`: starts the mesh, shows it, ends it. */
export async function upCommand(invocation: Invocation): Promise<void> {
  const { values } = settingsOrExit(program, settings, invocation)
  const meshFile = resolve(values.config ?? demoMesh)
  const { gatewayName, gatewayPort, mesh: meshName } = gatewayOf(meshFile)
  const data = resolve(values.data)
  const other = readRunFile(data)
  if (other !== undefined) {
    process.stderr.write(
      `trimtab up: a mesh is already up with its data in ${data} (pid ${other.pid}): end it first, or give this one another --data\n`,
    )
    process.exit(exitCode.failed)
  }
  if (!values.keep)
    for (const part of ['control', 'collector', 'proxies', 'logs'])
      rmSync(`${data}/${part}`, { recursive: true, force: true })
  mkdirSync(`${data}/logs`, { recursive: true })

  const startedMs = performance.now()
  const ports = values.anyPorts ? anyPortsOn(HOST, Math.random) : portsOn(HOST)
  const plan = await planDemo(
    {
      host: HOST,
      meshFile,
      dataDirectory: data,
      gatewayName,
      gatewayPort: values.gatewayPort ?? gatewayPort,
      ratePerSecond: values.rate,
      jaegerUrl: values.jaeger,
      clickhouse: values.clickhouse,
      logLevel: values.logLevel,
      logFormat: values.logFormat,
    },
    ports,
  )
  const tell = (text: string) => process.stderr.write(`${text}\n`)
  const mesh = createMesh({
    plan,
    dataDirectory: data,
    joinToken: () => joinTokenOf(plan.urls['control']!),
    onDeath: (name, how) => tell(`${name} ended (${how}): it is started again; its log: ${data}/logs`),
    // Its pid is another now: who reads the run file finds the living one.
    onReturn: () => writeRunFile(data, describe(plan, mesh, meshName)),
    onProgress: what => values.json || tell(`starting ${what} ...`),
  })
  const stop = stopper(mesh, values)
  try {
    await mesh.start()
  } catch (error) {
    tell(`trimtab up: ${(error as Error).message}`)
    await stop(exitCode.failed)
  }
  const file = describe(plan, mesh, meshName)
  writeRunFile(data, file)
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ msg: 'ready', ...file, moved: ports.moved })}\n`)
    return
  }
  process.stdout.write(`${screen(plan, ports.moved, (performance.now() - startedMs) / 1000)}\n`)
  liveTable(plan.urls['control']!, process.stdout)
}

/** Ends everything once, on whatever comes first: a signal, a failed start, or the terminal going away. */
function stopper(mesh: Mesh, values: UpSettings): (code: number) => Promise<never> {
  let stopping: Promise<never> | undefined
  const stop = async (code: number): Promise<never> => {
    if (!values.json) process.stderr.write('\nending everything ...\n')
    await mesh.stop(STOP_GRACE_MS)
    removeRunFile(values.data)
    process.exit(code)
  }
  const once = (code: number): Promise<never> => {
    stopping ??= stop(code)
    return stopping
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void once(exitCode.done))
  if (isRunByNpm(process.env)) endWithParent(() => void once(exitCode.done))
  return once
}

function gatewayOf(meshFile: string): { mesh: string; gatewayName: string; gatewayPort: number } {
  const config = meshConfigOrExit('trimtab up', meshFile)
  const [gateway] = config.gateways.values()
  if (gateway === undefined) {
    process.stderr.write(`trimtab up: ${meshFile} has no gateway: add one under gateways\n`)
    process.exit(exitCode.failed)
  }
  return { mesh: config.mesh, gatewayName: gateway.name, gatewayPort: parseAddress(gateway.listen)?.port ?? 8080 }
}

function describe(plan: Plan, mesh: Mesh, meshName: string): RunFile {
  const all = [
    plan.control,
    plan.collector,
    ...plan.apps,
    ...plan.sidecars,
    plan.gateway,
    ...(plan.load === undefined ? [] : [plan.load]),
  ]
  return {
    pid: process.pid,
    mesh: meshName,
    urls: plan.urls,
    processes: all.map(({ name, kind, service, version, instance, urls }) => ({
      name,
      kind,
      pid: mesh.pidOf(name),
      ...(service === undefined ? {} : { service }),
      ...(version === undefined ? {} : { version }),
      ...(instance === undefined ? {} : { instance }),
      urls,
    })),
  }
}
