import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { MeshConfig } from '../../protocol/mesh-config/config.ts'
import { formatProblem, type Problem } from '../../protocol/mesh-config/problem.ts'
import { readMeshConfig } from '../../protocol/mesh-config/read.ts'
import type { Clock } from '../../runtime/clock.ts'

/** A mesh file that was read and holds together, with the texts of the CA files that it names. */
export interface Mesh {
  config: MeshConfig
  /** PEM text of a service's `tls.caFile`, by service. */
  caPems: ReadonlyMap<string, string>
  /** The file's text, to be kept as the last good one. */
  text: string
  warnings: string[]
}

export type MeshRead = { status: 'ok'; mesh: Mesh } | { status: 'refused'; problems: string[] }

const caBytesMax = 256 * 1024

/** Reads the text of a mesh file; CA files are looked for beside `file`. Every problem is told, not the first only. */
export function readMesh(text: string, file: string): MeshRead {
  const read = readMeshConfig(text, file)
  if (read.status === 'invalid') return { status: 'refused', problems: read.problems.map(formatProblem) }
  const caPems = new Map<string, string>()
  const problems: string[] = []
  for (const [service, caFile] of caFilesOf(read.config)) {
    const pem = readPem(resolve(dirname(file), caFile))
    if (pem.status === 'ok') caPems.set(service, pem.text)
    else problems.push(`${file}: services.${service}.tls.caFile: ${caFile} ${pem.reason}`)
  }
  if (problems.length > 0) return { status: 'refused', problems }
  const warnings: Problem[] = read.warnings
  return { status: 'ok', mesh: { config: read.config, caPems, text, warnings: warnings.map(formatProblem) } }
}

function caFilesOf(config: MeshConfig): Array<[string, string]> {
  return [...config.services.values()].flatMap(
    ({ name, outside }): Array<[string, string]> =>
      outside?.tls?.caFile === undefined ? [] : [[name, outside.tls.caFile]],
  )
}

function readPem(file: string): { status: 'ok'; text: string } | { status: 'bad'; reason: string } {
  try {
    if (statSync(file).size > caBytesMax) return { status: 'bad', reason: `is larger than ${caBytesMax} bytes` }
    const text = readFileSync(file, 'utf8')
    if (text.includes('-----BEGIN CERTIFICATE-----')) return { status: 'ok', text }
    return { status: 'bad', reason: 'holds no certificate in PEM form' }
  } catch (error) {
    return { status: 'bad', reason: `cannot be read: ${(error as Error).message}` }
  }
}

/** Reads the file as it stands now. A file that is not there is a refusal like any other. */
export function readMeshFile(file: string): MeshRead {
  try {
    return readMesh(readFileSync(file, 'utf8'), file)
  } catch (error) {
    return { status: 'refused', problems: [`${file} cannot be read: ${(error as Error).message}`] }
  }
}

/** Editors write in several steps (a new file, then a rename): what they leave is read once they have been quiet this long. */
const SETTLE_MS = 50

/**
 * Tells when a mesh file may have changed: by the file system's events on its folder, which survive a rename over the file, and by
 * looking at it every `pollMs`, for mounts that send none. `changed` is called after the writer has been quiet for a moment.
 */
export function watchMeshFile(
  file: string,
  { clock, pollMs }: { clock: Clock; pollMs: number },
  changed: () => void,
): { close(): void } {
  const name = basename(file)
  let seen = signatureOf(file)
  let cancelSettle = () => {}
  const maybeChanged = () => {
    cancelSettle()
    cancelSettle = clock.after(SETTLE_MS, () => {
      seen = signatureOf(file)
      changed()
    })
  }
  let watcher: FSWatcher | undefined
  try {
    watcher = watch(dirname(resolve(file)), { persistent: false }, (_event, touched) => {
      if (touched === null || touched === name) maybeChanged()
    })
    // The folder went away, or the system has no watches left: polling goes on alone.
    watcher.on('error', () => watcher?.close())
  } catch {
    watcher = undefined
  }
  const stopPolling = clock.every(pollMs, () => {
    if (signatureOf(file) !== seen) maybeChanged()
  })
  return {
    close() {
      cancelSettle()
      stopPolling()
      watcher?.close()
    },
  }
}

/** Differs when the file was written or replaced; '' when it is not there. */
function signatureOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false })
  return found ? `${found.dev} ${found.ino} ${found.size} ${found.mtimeMs}` : ''
}
