import type { Clock } from '../../runtime/clock.ts'
import { type Mesh, type MeshRead, readMesh, readMeshFile, watchMeshFile } from './mesh-file.ts'

export interface MeshSource {
  /** The mesh that control starts with. */
  readonly first: Mesh
  /** Text of the file in force. */
  text(): string
  /** What is wrong with the file as it stands now (the one before is in force), and what its writer should know. */
  status(): { file: string; problems: string[]; warnings: string[] }
  /** Tells of each valid change from now on. */
  watch(changed: (mesh: Mesh) => void): void
  close(): void
}

export interface MeshSourceParts {
  clock: Clock
  pollMs: number
  /** Text of the file that was last in force, when control ran before. */
  lastGood: string | undefined
  events: {
    meshLoaded(outcome: 'applied' | 'unchanged', warnings: readonly string[]): void
    meshRefused(problems: readonly string[]): void
  }
}

/**
 * The mesh file. When control starts with a file that is not valid, the last good one goes on being in force: a typing error must
 * not become an outage by a restart. Throws, with every problem, when there is none.
 */
export function meshSource(file: string, { clock, pollMs, lastGood, events }: MeshSourceParts): MeshSource {
  const read = readMeshFile(file)
  const first = read.status === 'ok' ? read.mesh : lastGoodOf(read, lastGood, file)
  let inForce = first
  let problems = read.status === 'refused' ? read.problems : []
  let missed = read.status === 'refused' ? read.files : []
  let watching: { close(): void } | undefined
  if (read.status === 'ok') events.meshLoaded('applied', first.warnings)
  else events.meshRefused(problems)

  const look = (changed: (mesh: Mesh) => void) => {
    const now = readMeshFile(file)
    if (now.status === 'refused') {
      const same = now.problems.join('\n') === problems.join('\n')
      problems = now.problems
      missed = now.files
      if (!same) events.meshRefused(problems)
      return
    }
    problems = []
    missed = []
    if (sameMesh(now.mesh, inForce)) return events.meshLoaded('unchanged', [])
    inForce = now.mesh
    events.meshLoaded('applied', inForce.warnings)
    changed(inForce)
  }
  return {
    first,
    text: () => inForce.text,
    status: () => ({ file, problems, warnings: inForce.warnings }),
    watch(changed) {
      watching = watchMeshFile(file, { clock, pollMs, besides: () => [...inForce.files, ...missed] }, () =>
        look(changed),
      )
      // Whatever was written between the first reading and the watch.
      look(changed)
    },
    close: () => watching?.close(),
  }
}

function lastGoodOf(refused: MeshRead & { status: 'refused' }, text: string | undefined, file: string): Mesh {
  const before = text === undefined ? undefined : readMesh(text, file)
  if (before?.status === 'ok') return before.mesh
  const problems = refused.problems.map(problem => `  ${problem}`).join('\n')
  throw new Error(`the mesh file is not valid, and no earlier one is known:\n${problems}`)
}

function sameMesh(a: Mesh, b: Mesh): boolean {
  return a.text === b.text && sameTexts(a.caPems, b.caPems) && sameTexts(a.jwks, b.jwks)
}

function sameTexts(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, text]) => b.get(name) === text)
}
