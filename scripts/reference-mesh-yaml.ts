import { stringify } from 'yaml'
import type { Field } from '../protocol/mesh-config/fields.ts'
import { type KindName, kinds } from '../protocol/mesh-config/kinds.ts'
import { either } from '../protocol/mesh-config/problem.ts'
import { MeshFile, meshField } from '../protocol/mesh-config/schema.ts'
import { boundWords } from '../protocol/mesh-config/words.ts'

/** The reference of mesh.yaml: one table an object, in the order of the file, and the kinds of text that its fields take. */
export function renderMeshYaml(): string {
  const sections = sectionsOf(meshField, '', new Map())
  const used = new Set(sections.flatMap(({ field }) => kindsIn(field)))
  return [
    '# mesh.yaml',
    '',
    'Generated from the schema by `npm run docs`; do not edit.',
    '',
    `${meshField.description} YAML 1.2, one document, at most 1 MiB. Anchors and aliases work; merge keys (\`<<\`) do not. An empty block is a valid block: \`report:\` alone is a service. For completion in an editor, start the file with`,
    '`# yaml-language-server: $schema=<path or URL of mesh-yaml.schema.json>`.',
    '',
    ...sections.flatMap(({ title, field }) => [
      `## ${title === '' ? 'The file' : code(title)}`,
      '',
      ...renderBlock(field),
      '',
    ]),
    '## Kinds of text',
    '',
    ...renderTable(
      ['kind', 'what it is'],
      [...used].sort().map(kind => [kind, sentence(kinds[kind].words)]),
    ),
    '',
  ].join('\n')
}

/** The same schema for editors: JSON Schema, with our own words left in (validators ignore words that they do not know). */
export function renderMeshSchema(): string {
  const schema = { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'Trimtab mesh.yaml', ...MeshFile }
  return `${JSON.stringify(schema, (_key, node) => emptyAllowed(node), 2)}\n`
}

/** `report:` with nothing behind it is YAML's null, and reads as an empty block. */
function emptyAllowed(node: unknown): unknown {
  const field = node as Field | null
  return field?.type === 'object' && field.required === undefined ? { ...field, type: ['object', 'null'] } : node
}

type Section = { title: string; field: Field }

/** Every object with fields, depth first. The same fields at a second place are told only once: `told` knows where. */
function sectionsOf(field: Field, title: string, told: Map<string, string>): Section[] {
  const block = blockOf(field)
  if (block === undefined) return []
  const fields = JSON.stringify(block.properties ?? block.patternProperties)
  if (told.has(fields)) return []
  told.set(fields, title)
  const inner = Object.entries(block.properties ?? {}).flatMap(([name, child]) =>
    sectionsOf(child, title === '' ? name : `${title}.${name}`, told),
  )
  const entry = Object.values(block.patternProperties ?? {})[0]
  const entries = entry === undefined ? [] : sectionsOf(entry, `${title}.<name>`, told)
  const self = block.properties === undefined ? [] : [{ title, field: block }]
  return [...self, ...inner, ...entries]
}

/** The object behind a field: itself, a branch of a choice, an item of a list. */
function blockOf(field: Field): Field | undefined {
  if (field.type === 'object') return field
  if (field.items !== undefined) return blockOf(field.items)
  return field.anyOf?.map(blockOf).find(found => found !== undefined)
}

function renderBlock(block: Field): string[] {
  const rules = [prose(block.description ?? ''), ...choices(block)]
  const rows = Object.entries(block.properties ?? {}).map(([name, field]) => {
    const required = block.required?.includes(name) === true
    return [
      code(name),
      typeOf(field),
      required ? 'required' : defaultOf(field),
      prose(field.description ?? ''),
      exampleOf(field),
    ]
  })
  return [
    rules.filter(rule => rule !== '').join(' '),
    '',
    ...renderTable(['field', 'type', 'default', 'meaning', 'example'], rows),
  ]
}

function choices({ atMostOneOf, atLeastOneOf }: Field): string[] {
  const [most, least] = [atMostOneOf, atLeastOneOf].map(names => either((names ?? []).map(code)))
  if (most === least) return most === '' ? [] : [`Exactly one of ${most}.`]
  return [most === '' ? '' : `At most one of ${most}.`, least === '' ? '' : `At least one of ${least}.`].filter(Boolean)
}

function typeOf(field: Field): string {
  if (field.anyOf !== undefined) return field.anyOf.map(typeOf).join(' or ')
  if (field.enum !== undefined) return field.enum.map(value => code(String(value))).join(', ')
  if (field.kind !== undefined) return `${field.kind}${boundWords(field)}`
  if (field.type === 'integer' || field.type === 'number')
    return `${field.type === 'integer' ? 'whole number' : 'number'}, ${field.minimum} to ${field.maximum}`
  if (field.type === 'array')
    return `list of ${typeOf(field.items ?? {})}${field.minItems === 1 ? ', not empty' : ''}, at most ${field.maxItems}`
  if (field.type === 'boolean') return '`true`, `false`'
  if (field.patternProperties === undefined) return 'block'
  return `map from ${field.keys} to ${typeOf(Object.values(field.patternProperties)[0] ?? {})}, at most ${field.maxProperties}`
}

function defaultOf(field: Field): string {
  if (field.default === undefined) return 'none'
  if (blockOf(field)?.properties !== undefined && !Array.isArray(field.default)) return 'its fields’ own'
  return code(flow(field.default))
}

function exampleOf(field: Field): string {
  return field.example === undefined ? '' : code(field.example)
}

function flow(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: false }).trim()
}

function kindsIn(field: Field): KindName[] {
  const nested = [
    ...Object.values(field.properties ?? {}),
    ...(field.anyOf ?? []),
    ...Object.values(field.patternProperties ?? {}),
  ]
  const own = [field.kind, field.keys].filter(kind => kind !== undefined)
  return [...own, ...nested.flatMap(kindsIn), ...(field.items === undefined ? [] : kindsIn(field.items))]
}

function renderTable(head: string[], rows: string[][]): string[] {
  const line = (cells: string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)]
}

/** Angle brackets would be taken for HTML. */
const prose = (text: string) => text.replaceAll('<', '\\<')
const code = (text: string) => `\`${text}\``
const sentence = (text: string) => `${text[0]?.toUpperCase()}${text.slice(1)}.`
