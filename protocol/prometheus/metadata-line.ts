import type { FamilyType } from './family.ts'
import type { ExpositionFormat } from './format.ts'
import type { ExpositionLimits } from './limits.ts'
import type { LineFault } from './line-cursor.ts'

/** What a line that begins with `#` says. */
export type Metadata =
  | { kind: 'help'; name: string; help: string }
  | { kind: 'type'; name: string; type: FamilyType }
  | { kind: 'unit'; name: string; unit: string }
  | { kind: 'end' }
  | { kind: 'comment' }
  | { kind: 'fault'; fault: LineFault }

const comment: Metadata = { kind: 'comment' }
const keyword = /^#[ \t]+(HELP|TYPE|UNIT|EOF)(?=[ \t]|$)[ \t]*/
const nameAtStart = /^[A-Za-z_:][A-Za-z0-9_:]*(?=[ \t]|$)/

/** The words of both formats: applications mix them. */
const typeWords: ReadonlyMap<string, FamilyType> = new Map([
  ['counter', 'counter'],
  ['gauge', 'gauge'],
  ['histogram', 'histogram'],
  ['gaugehistogram', 'gaugehistogram'],
  ['summary', 'summary'],
  ['info', 'info'],
  ['stateset', 'stateset'],
  ['unknown', 'unknown'],
  ['untyped', 'unknown'],
])

/** Reads one line, its newline and the blanks before `#` left out. */
export function readMetadata(line: string, format: ExpositionFormat, limits: ExpositionLimits): Metadata {
  const found = keyword.exec(line)
  if (!found) return comment
  const word = found[1]
  if (word === 'EOF') return format === 'openmetrics' && line.length <= found[0].length ? { kind: 'end' } : comment
  // In text this is a comment, and its words are anyone's.
  if (word === 'UNIT' && format === 'text') return comment
  const rest = line.slice(found[0].length)
  const name = nameAtStart.exec(rest)?.[0]
  if (name === undefined) return fault(`expected a metric name after "# ${word}"`)
  if (name.length > limits.nameLength) return tooLarge(`a metric name is longer than ${limits.nameLength}`)
  const said = rest.slice(name.length)
  if (word === 'HELP') return readHelp(name, said, format, limits)
  if (word === 'TYPE') return readType(name, said.trim())
  return { kind: 'unit', name, unit: said.trim() }
}

function readHelp(name: string, said: string, format: ExpositionFormat, limits: ExpositionLimits): Metadata {
  if (said.length > limits.helpLength) return tooLarge(`the HELP of ${name} is longer than ${limits.helpLength}`)
  // OpenMetrics has one space before the help, text any run of blanks.
  const help =
    format === 'openmetrics'
      ? unescapeHelp(said.slice(1), /\\([\\"n])/g)
      : unescapeHelp(trimBlanksBefore(said), /\\([\\n])/g)
  return { kind: 'help', name, help }
}

function readType(name: string, word: string): Metadata {
  const type = typeWords.get(word)
  if (type) return { kind: 'type', name, type }
  return fault(
    `the TYPE of ${name} is ${JSON.stringify(word.slice(0, 32))}, allowed are ${[...typeWords.keys()].join(', ')}`,
  )
}

function unescapeHelp(raw: string, escapes: RegExp): string {
  return raw.includes('\\') ? raw.replace(escapes, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)) : raw
}

function trimBlanksBefore(text: string): string {
  return text.replace(/^[ \t]+/, '')
}

/**
 * Whether a last line without newline is metadata that cannot be whole: a part of a keyword, or a HELP, after which more must come.
 * (A TYPE line may be whole: some libraries declare families that have no samples yet.)
 */
export function isCutMetadata(line: string): boolean {
  const words = line.replace(/^#[ \t]*/, '# ')
  return (
    words.startsWith('# HELP') ||
    ['# HELP', '# TYPE', '# UNIT', '# EOF'].some(start => start !== words && start.startsWith(words))
  )
}

function fault(reason: string): Metadata {
  return { kind: 'fault', fault: { cause: 'malformed', reason } }
}

function tooLarge(reason: string): Metadata {
  return { kind: 'fault', fault: { cause: 'limit', reason } }
}
