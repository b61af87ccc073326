import assert from 'node:assert/strict'
import type { MeshConfig } from '../../../../protocol/mesh-config/config.ts'
import { formatProblem } from '../../../../protocol/mesh-config/problem.ts'
import { readMeshConfig } from '../../../../protocol/mesh-config/read.ts'

/** The config and warnings of a file that must be valid. */
export function readGood(text: string): { config: MeshConfig; warnings: string[] } {
  const read = readMeshConfig(text, 'mesh.yaml')
  assert.equal(read.status, 'ok', read.status === 'ok' ? '' : read.problems.map(formatProblem).join('\n'))
  if (read.status !== 'ok') throw new Error('unreachable')
  return { config: read.config, warnings: read.warnings.map(formatProblem) }
}

/** What a person is told of a file that must be refused. */
export function refusalsOf(text: string): string[] {
  const read = readMeshConfig(text, 'mesh.yaml')
  assert.equal(read.status, 'invalid')
  return read.status === 'invalid' ? read.problems.map(formatProblem) : []
}
