import { check, problemsMax } from './check.ts'
import type { MeshConfig } from './config.ts'
import { crossCheck } from './cross.ts'
import { formatPath, type Path, type Problem } from './problem.ts'
import type { Loose } from './report.ts'
import { resolve } from './resolve.ts'
import { type MeshFile, meshField } from './schema.ts'
import { inOrder, readSource } from './source.ts'

export type MeshConfigRead =
  | { status: 'ok'; config: MeshConfig; warnings: Problem[]; ruleLines: ReadonlyMap<string, number> }
  | { status: 'invalid'; problems: Problem[] }

/**
 * Reads mesh.yaml. `fileName` is only named in problems. Never throws for what stands in the text, and reports everything that is
 * wrong with it at once (at most 100 problems), in the order of the file. Reads no other file: `tls.caFile` is kept as written.
 */
export function readMeshConfig(text: string, fileName: string): MeshConfigRead {
  const read = readSource(text, fileName)
  if (read.status === 'invalid') return { status: 'invalid', problems: bounded(read.problems) }
  const { value, problems, places } = check(meshField, read.source)
  const warnings: Problem[] = []
  const at = (path: Path) => ({ file: fileName, ...places.of(path), field: formatPath(path) })
  crossCheck((value ?? {}) as Loose<MeshFile>, {
    problem(path, found, allowed) {
      if (problems.length > problemsMax) return
      const words = typeof allowed === 'string' ? allowed : allowed()
      problems.push({ ...at(path), found, allowed: words, message: `found ${found}, allowed: ${words}` })
    },
    warning(path, message) {
      if (warnings.length < problemsMax) warnings.push({ ...at(path), found: '', allowed: '', message })
    },
    written: path => places.has(path),
  })
  if (problems.length > 0) return { status: 'invalid', problems: bounded(problems) }
  const config = resolve(value as MeshFile)
  return { status: 'ok', config, warnings: inOrder(warnings), ruleLines: linesOfRules(config, path => at(path).line) }
}

/** Where each rule stands, by its name: what a person who asks why wants to look at. Beside the config, which no blank line changes. */
function linesOfRules(config: MeshConfig, lineOf: (path: Path) => number): Map<string, number> {
  const lines = new Map<string, number>()
  for (const service of config.services.values())
    for (const action of ['allow', 'deny'] as const)
      for (const [index, { name }] of service[action].entries())
        lines.set(name, lineOf(['services', service.name, action, index]))
  for (const [index, { name }] of config.intentionRules.entries())
    lines.set(name, lineOf(['intentions', 'rules', index]))
  return lines
}

/** The first hundred, and a last one that says that there were more. */
function bounded(problems: Problem[]): Problem[] {
  const first = inOrder(problems)
  const next = first[problemsMax]
  if (next === undefined) return first
  const message = `and more: only the first ${problemsMax} problems are told`
  return [...first.slice(0, problemsMax), { ...next, field: '', found: '', allowed: '', message }]
}
