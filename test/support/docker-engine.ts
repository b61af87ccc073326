import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { until } from './until.ts'

/** A Docker engine of the test's own: its data, its socket, its networks; nothing of one that may already run is touched. */
export interface Engine {
  /** Where it keeps everything; a place for what the test wants to keep, too. */
  folder: string
  docker(args: readonly string[], input?: string): string
  compose(file: string, args: readonly string[]): string
  close(): Promise<void>
}

const wanted = [
  { program: 'dockerd', from: 'docker.io' },
  { program: 'docker', from: 'docker.io' },
  { program: 'docker-compose', from: 'docker-compose' },
  { program: 'debootstrap', from: 'debootstrap' },
]

/** Why no engine can be started here; false when one can. */
export function whyNoEngine(): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'a Docker engine of its own wants Linux and root'
  const missing = wanted.filter(({ program }) => spawnSync(program, ['--version']).error !== undefined)
  if (missing.length === 0) return false
  const packages = [...new Set(missing.map(({ from }) => from))].join(' ')
  return `${missing.map(({ program }) => program).join(', ')} not installed (apt-get install ${packages})`
}

const READY_MS = 60_000
const COMMAND_MS = 300_000

export async function startEngine(): Promise<Engine> {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-docker-`)
  const socket = `unix://${folder}/docker.sock`
  const log = `${folder}/dockerd.log`
  const output = openSync(log, 'w')
  // Networks of a range of their own, and no docker0: another engine of this machine may have that one.
  const places = ['--data-root', `${folder}/data`, '--exec-root', `${folder}/exec`, '--pidfile', `${folder}/pid`]
  const networks = ['--bridge=none', '--default-address-pool', 'base=10.231.0.0/16,size=24']
  const daemon = spawn('dockerd', [...places, ...networks, '-H', socket], { stdio: ['ignore', output, output] })
  const env = { ...process.env, DOCKER_HOST: socket, DOCKER_BUILDKIT: '0', COMPOSE_PROJECT_NAME: 'trimtab-test' }

  function run(program: string, args: readonly string[], input?: string): string {
    const options = { encoding: 'utf8', env, timeout: COMMAND_MS, maxBuffer: 64 * 1024 * 1024 } as const
    const { status, stdout, stderr, error } = spawnSync(program, args, { ...options, ...(input && { input }) })
    if (error) throw error
    if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`)
    return stdout
  }

  const ready = () => spawnSync('docker', ['info'], { env }).status === 0
  try {
    await until(
      'the Docker engine',
      async () => ({ ready: ready(), ended: daemon.exitCode }),
      state => state.ready || state.ended !== null,
      READY_MS,
    )
    if (daemon.exitCode !== null) throw new Error('the Docker engine ended at once')
  } catch (error) {
    await end(daemon, folder)
    throw new Error(`${(error as Error).message}: ${readFileSync(log, 'utf8').slice(-1500)}`)
  }
  return {
    folder,
    docker: (args, input) => run('docker', args, input),
    compose: (file, args) => run('docker-compose', ['--project-directory', process.cwd(), '-f', file, ...args]),
    close: () => end(daemon, folder),
  }
}

async function end(daemon: ChildProcess, folder: string): Promise<void> {
  if (daemon.exitCode === null) {
    const ended = new Promise(resolve => daemon.once('exit', resolve))
    daemon.kill('SIGTERM')
    await ended
  }
  // The engine leaves its own network namespace mounted.
  spawnSync('umount', [`${folder}/exec/netns/default`])
  rmSync(folder, { recursive: true, force: true })
}
