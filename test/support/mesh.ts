import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import type { RunFile } from '../../cli/run-file.ts'
import type { Status } from '../../control/api/status-schema.ts'

/** The whole demo mesh in its own processes, on free ports, as `trimtab up` starts it. */
export interface RunningMesh extends RunFile {
  dataDirectory: string
  status(): Promise<Status>
  /** Ends it as Ctrl-C does; resolves with the exit code when every process is gone. */
  close(): Promise<number | null>
  /** The process of a name, as the run file has it now (a restarted one has another pid). */
  process(name: string): RunFile['processes'][number]
  /** What its processes wrote, for the message of a test that failed. */
  logs(): string
}

const READY_MS = 90_000

export async function startMesh(flags: readonly string[] = []): Promise<RunningMesh> {
  const dataDirectory = mkdtempSync(`${tmpdir()}/trimtab-mesh-`)
  const child = spawn(
    process.execPath,
    ['cli/trimtab.ts', 'up', '--json', '--any-ports', '--data', dataDirectory, ...flags],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const ended = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const ready = await new Promise<RunFile>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGTERM')
      reject(new Error(`the mesh was not ready within ${READY_MS} ms: ${said}`))
    }, READY_MS)
    createInterface({ input: child.stdout }).once('line', line => {
      clearTimeout(timer)
      resolve(JSON.parse(line) as RunFile)
    })
    void ended.then(code => {
      clearTimeout(timer)
      reject(new Error(`trimtab up ended with ${code} before it was ready: ${said}`))
    })
  })
  return {
    ...ready,
    dataDirectory,
    status: async () => (await (await fetch(`${ready.urls['control']}/v1/status`)).json()) as Status,
    async close() {
      child.kill('SIGTERM')
      const code = await ended
      rmSync(dataDirectory, { recursive: true, force: true })
      return code
    },
    process(name) {
      const now = JSON.parse(readFileSync(`${dataDirectory}/up.json`, 'utf8')) as RunFile
      const found = now.processes.find(process => process.name === name)
      if (found === undefined) throw new Error(`no process ${name}`)
      return found
    },
    logs: () =>
      readdirSync(`${dataDirectory}/logs`)
        .map(file => `--- ${file}\n${readFileSync(`${dataDirectory}/logs/${file}`, 'utf8').slice(-1500)}`)
        .join('\n'),
  }
}
