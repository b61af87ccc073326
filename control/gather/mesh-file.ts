import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { MeshConfig } from '../../protocol/mesh-config/config.ts'
import { formatProblem } from '../../protocol/mesh-config/problem.ts'
import { readMeshConfig } from '../../protocol/mesh-config/read.ts'
import type { Clock } from '../../runtime/clock.ts'
import { refuseJwks } from './jwks-file.ts'

/** A mesh file that was read and holds together, with the texts of the files that it names. */
export interface Mesh {
  config: MeshConfig
  /** PEM text of a service's `tls.caFile`, by service. */
  caPems: ReadonlyMap<string, string>
  /** Text of a token provider's `jwks.file`, by provider. */
  jwks: ReadonlyMap<string, string>
  /** The files that it names, as paths: watched along with it. */
  files: readonly string[]
  /** The line of each rule, by the rule's name. */
  ruleLines: ReadonlyMap<string, number>
  /** The file's text, to be kept as the last good one. */
  text: string
  warnings: string[]
}

/** `files` of a refusal: what it names as far as that could be read, so that a file which comes later is noticed. */
export type MeshRead =
  | { status: 'ok'; mesh: Mesh }
  | { status: 'refused'; problems: string[]; files: readonly string[] }

const bytesMax = 256 * 1024

/** Reads the text of a mesh file; the files that it names are looked for beside `file`. Every problem is told, not the first only. */
export function readMesh(text: string, file: string): MeshRead {
  const read = readMeshConfig(text, file)
  if (read.status === 'invalid') return { status: 'refused', problems: read.problems.map(formatProblem), files: [] }
  const problems: string[] = []
  const files: string[] = []
  const textsOf = (named: Named[], refuse: (text: string) => string | undefined) => {
    const texts = new Map<string, string>()
    for (const { name, field, path } of named) {
      files.push(resolve(dirname(file), path))
      const found = readNamed(files.at(-1)!, refuse)
      if (found.status === 'ok') texts.set(name, found.text)
      else problems.push(`${file}: ${field}: ${path} ${found.reason}`)
    }
    return texts
  }
  const caPems = textsOf(caFilesOf(read.config), refusePem)
  const jwks = textsOf(jwksFilesOf(read.config), refuseJwks)
  if (problems.length > 0) return { status: 'refused', problems, files }
  const { config, ruleLines } = read
  return {
    status: 'ok',
    mesh: { config, caPems, jwks, files, ruleLines, text, warnings: read.warnings.map(formatProblem) },
  }
}

/** A file that the mesh file names. */
interface Named {
  /** What it belongs to. */
  name: string
  field: string
  /** As written. */
  path: string
}

function caFilesOf(config: MeshConfig): Named[] {
  return [...config.services.values()].flatMap(({ name, outside }) =>
    outside?.tls?.caFile === undefined
      ? []
      : [{ name, field: `services.${name}.tls.caFile`, path: outside.tls.caFile }],
  )
}

function jwksFilesOf(config: MeshConfig): Named[] {
  return [...config.jwt].flatMap(([name, { jwks }]) =>
    'file' in jwks ? [{ name, field: `jwt.${name}.jwks.file`, path: jwks.file }] : [],
  )
}

function refusePem(text: string): string | undefined {
  return text.includes('-----BEGIN CERTIFICATE-----') ? undefined : 'holds no certificate in PEM form'
}

function readNamed(
  file: string,
  refuse: (text: string) => string | undefined,
): { status: 'ok'; text: string } | { status: 'bad'; reason: string } {
  try {
    if (statSync(file).size > bytesMax) return { status: 'bad', reason: `is larger than ${bytesMax} bytes` }
    const text = readFileSync(file, 'utf8')
    const refusal = refuse(text)
    return refusal === undefined ? { status: 'ok', text } : { status: 'bad', reason: refusal }
  } catch (error) {
    return { status: 'bad', reason: `cannot be read: ${(error as Error).message}` }
  }
}

/** Reads the file as it stands now. A file that is not there is a refusal like any other. */
export function readMeshFile(file: string): MeshRead {
  try {
    return readMesh(readFileSync(file, 'utf8'), file)
  } catch (error) {
    return { status: 'refused', problems: [`${file} cannot be read: ${(error as Error).message}`], files: [] }
  }
}

/** Editors write in several steps (a new file, then a rename): what they leave is read once they have been quiet this long. */
const SETTLE_MS = 50

/**
 * Tells when a mesh file may have changed: by the file system's events on its folder, which survive a rename over the file, and by
 * looking at it every `pollMs`, for mounts that send none and for the files that it names (`besides`) in other folders. `changed` is called after the writer has been quiet for a moment.
 */
export function watchMeshFile(
  file: string,
  { clock, pollMs, besides }: { clock: Clock; pollMs: number; besides: () => readonly string[] },
  changed: () => void,
): { close(): void } {
  const signature = () => [file, ...besides()].map(signatureOf).join('\n')
  const names = () => [file, ...besides()].map(path => basename(path))
  let seen = signature()
  let cancelSettle = () => {}
  const maybeChanged = () => {
    cancelSettle()
    cancelSettle = clock.after(SETTLE_MS, () => {
      seen = signature()
      changed()
    })
  }
  let watcher: FSWatcher | undefined
  try {
    watcher = watch(dirname(resolve(file)), { persistent: false }, (_event, touched) => {
      if (touched === null || names().includes(touched)) maybeChanged()
    })
    // The folder went away, or the system has no watches left: polling goes on alone.
    watcher.on('error', () => watcher?.close())
  } catch {
    watcher = undefined
  }
  const stopPolling = clock.every(pollMs, () => {
    if (signature() !== seen) maybeChanged()
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
