import { readFileSync } from 'node:fs'
import type { MeshConfig } from '../protocol/mesh-config/config.ts'
import { formatProblem } from '../protocol/mesh-config/problem.ts'
import { readMeshConfig } from '../protocol/mesh-config/read.ts'
import { exitCode } from '../runtime/lifecycle.ts'

/** Reads a mesh file; prints every problem and ends the process when it does not hold. Warnings go to stderr. */
export function meshConfigOrExit(command: string, path: string): MeshConfig {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    process.stderr.write(`${command}: ${path} cannot be read: ${(error as Error).message}\n`)
    process.exit(exitCode.failed)
  }
  const read = readMeshConfig(text, path)
  if (read.status === 'ok') {
    for (const warning of read.warnings) process.stderr.write(`warning: ${formatProblem(warning)}\n`)
    return read.config
  }
  for (const problem of read.problems) process.stderr.write(`${formatProblem(problem)}\n`)
  process.stderr.write(
    `${command}: ${path} has ${read.problems.length} ${read.problems.length === 1 ? 'problem' : 'problems'}, nothing was done\n`,
  )
  process.exit(exitCode.failed)
}
