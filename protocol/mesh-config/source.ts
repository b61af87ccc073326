import { isAlias, LineCounter, type Node, parseDocument } from 'yaml'
import { findAliases } from './aliases.ts'
import type { Problem } from './problem.ts'
import { formatSize } from './units.ts'

/** Reads the YAML of a mesh file into nodes with their places, within bounds, and without a say in what the fields mean. */

export const fileBytesMax = 1024 * 1024

export type Place = { line: number; column: number }

export type Source = {
  file: string
  root: Node | null
  /** Place of a node, or of the file's start. */
  placeOf(node: Node | null | undefined): Place
  /** The node itself, or the one that an alias stands for. */
  resolve(node: Node): Node
}

export type SourceRead = { status: 'ok'; source: Source } | { status: 'invalid'; problems: Problem[] }

/** Parses YAML 1.2, one document. Every syntax error is reported, with its line. */
export function readSource(text: string, file: string): SourceRead {
  const lines = new LineCounter()
  const bad = (offset: number, found: string, allowed: string, message: string): Problem => {
    const place = placeAt(lines, Math.min(Math.max(offset, 0), text.length))
    return { file, ...place, field: '', found, allowed, message }
  }
  const bytes = new TextEncoder().encode(text).length
  if (bytes > fileBytesMax) {
    const allowed = `at most ${formatSize(fileBytesMax)}`
    return {
      status: 'invalid',
      problems: [bad(0, `${bytes} bytes`, allowed, `the file has ${bytes} bytes, allowed: ${allowed}`)],
    }
  }
  // Its own check of unique keys compares every pair of keys; ours (check.ts) takes one pass.
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false, version: '1.2' })
  const problems = [...document.errors, ...document.warnings].map(error =>
    bad(error.pos[0], '', 'YAML 1.2', `not valid YAML: ${firstLine(error.message)}`),
  )
  if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== '1.2')
    problems.push(
      bad(
        0,
        document.directives.yaml.version,
        'YAML 1.2',
        'a %YAML directive other than 1.2 changes what off and on mean: remove it',
      ),
    )
  if (problems.length > 0) return { status: 'invalid', problems: inOrder(problems) }
  const aliases = findAliases(document)
  if (aliases.status === 'refused') {
    const { node, found, allowed } = aliases
    return {
      status: 'invalid',
      problems: [bad(node.range?.[0] ?? 0, found, allowed, `found ${found}, allowed: ${allowed}`)],
    }
  }
  const source: Source = {
    file,
    root: document.contents,
    placeOf: node => placeAt(lines, node?.range?.[0] ?? 0),
    resolve: node => (isAlias(node) ? (aliases.targets.get(node) ?? node) : node),
  }
  return { status: 'ok', source }
}

export function inOrder(problems: Problem[]): Problem[] {
  return problems.sort((a, b) => a.line - b.line || a.column - b.column)
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message
}
