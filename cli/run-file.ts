import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** What a running `trimtab up` leaves for the other commands: where everything is. */
export interface RunFile {
  pid: number
  mesh: string
  urls: Record<string, string>
  processes: {
    name: string
    kind: string
    pid: number | undefined
    service?: string
    version?: string
    instance?: string
    urls: Record<string, string>
  }[]
}

export const runFilePath = '.trimtab/up.json'

export function writeRunFile(file: RunFile, path: string = runFilePath): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(file)}\n`)
}

export function removeRunFile(path: string = runFilePath): void {
  rmSync(path, { force: true })
}

/** The run file of a mesh that is up, or undefined when none is (a file left by a process that is gone does not count). */
export function readRunFile(path: string = runFilePath): RunFile | undefined {
  try {
    const file = JSON.parse(readFileSync(path, 'utf8')) as RunFile
    process.kill(file.pid, 0)
    return file
  } catch {
    return undefined
  }
}
