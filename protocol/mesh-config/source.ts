import { isAlias, type Node, parseDocument } from 'yaml'
import { findAliases } from './aliases.ts'
import type { Problem } from './problem.ts'
import { formatSize } from './units.ts'

/** Reads the YAML of a mesh file into nodes with their places, within bounds, and without a say in what the fields mean. */

const fileBytesMax = 1024 * 1024

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
  const lines = lineStarts(text)
  const refused = (complaints: SyntaxComplaint[]): SourceRead => {
    const problems = complaints.map(({ offset, ...said }) => ({ file, ...placeAt(lines, offset), field: '', ...said }))
    return { status: 'invalid', problems: inOrder(problems) }
  }
  const bytes = new TextEncoder().encode(text).length
  if (bytes > fileBytesMax) {
    const [found, allowed] = [`${bytes} bytes`, `at most ${formatSize(fileBytesMax)}`]
    return refused([{ offset: 0, found, allowed, message: `the file has ${found}, allowed: ${allowed}` }])
  }
  // Its own check of unique keys compares every pair of keys; ours (check.ts) takes one pass.
  const document = parseDocument(text, { uniqueKeys: false, prettyErrors: false, version: '1.2' })
  const complaints = syntaxComplaints(document, text.length)
  if (complaints.length > 0) return refused(complaints)
  const aliases = findAliases(document)
  if (aliases.status === 'refused') {
    const { node, found, allowed } = aliases
    return refused([{ offset: node.range?.[0] ?? 0, found, allowed, message: `found ${found}, allowed: ${allowed}` }])
  }
  const source: Source = {
    file,
    root: document.contents,
    placeOf: node => placeAt(lines, node?.range?.[0] ?? 0),
    resolve: node => (isAlias(node) ? (aliases.targets.get(node) ?? node) : node),
  }
  return { status: 'ok', source }
}

type SyntaxComplaint = { offset: number; found: string; allowed: string; message: string }

function syntaxComplaints(document: ReturnType<typeof parseDocument>, length: number): SyntaxComplaint[] {
  const allowed = 'YAML 1.2'
  const complaints = [...document.errors, ...document.warnings].map(error => ({
    offset: Math.min(Math.max(error.pos[0], 0), length),
    found: '',
    allowed,
    message: `not valid YAML: ${firstLine(error.message)}`,
  }))
  const { version, explicit } = document.directives?.yaml ?? {}
  if (explicit !== true || version === '1.2') return complaints
  const message = 'a %YAML directive other than 1.2 changes what off and on mean: remove it'
  return [{ offset: 0, found: String(version), allowed, message }, ...complaints]
}

export function inOrder(problems: Problem[]): Problem[] {
  return problems.sort((a, b) => a.line - b.line || a.column - b.column)
}

/** Offsets at which lines start. (With the yaml package's LineCounter, errors in some broken files got columns beyond their line.) */
function lineStarts(text: string): number[] {
  const starts = [0]
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) starts.push(end + 1)
  return starts
}

/** The last line that starts at or before the offset, by bisection. */
function placeAt(starts: readonly number[], offset: number): Place {
  let [low, high] = [0, starts.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message
}
