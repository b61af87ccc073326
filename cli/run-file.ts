import { readFileSync, rmSync, writeFileSync } from 'node:fs'

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

export const defaultData = '.trimtab'

const pathIn = (dataDirectory: string): string => `${dataDirectory}/up.json`

export function writeRunFile(dataDirectory: string, file: RunFile): void {
  writeFileSync(pathIn(dataDirectory), `${JSON.stringify(file)}\n`)
}

/** Removes the file of this process; another's stays. */
export function removeRunFile(dataDirectory: string): void {
  if (readRunFile(dataDirectory)?.pid === process.pid) rmSync(pathIn(dataDirectory), { force: true })
}

/** The run file of a mesh that is up with this data directory, or undefined when none is (a file left by a process that is gone does not count). */
export function readRunFile(dataDirectory: string = defaultData): RunFile | undefined {
  try {
    const file = JSON.parse(readFileSync(pathIn(dataDirectory), 'utf8')) as RunFile
    process.kill(file.pid, 0)
    return file
  } catch {
    return undefined
  }
}
