import type { TSchema } from 'typebox'
import { Code } from 'typebox/compile'
import { words } from '../protocol/words.ts'

/** The file that checks what a proxy reads without the schema library: what that library would make of the schemas at every start. */
export function renderWordChecks(): string {
  return [
    '// Generated from the schemas in words.ts by `npm run checks`; do not edit.',
    '// @ts-nocheck',
    "import { Guard } from 'typebox/guard'",
    "import type { words } from './words.ts'",
    '',
    'export const holds: Readonly<Record<keyof typeof words, (value: unknown) => boolean>> = {',
    ...Object.entries(words).map(([name, schema]) => `${name}: ${renderCheck(name, schema)},\n`),
    '}',
    '',
  ].join('\n')
}

/** The functions between the library's own preamble, which we do not need, and what it exports. */
const BODY =
  /\nexport function SetExternal\(external\) \{[^\n]*\n([\s\S]*)\nexport function Check\(value\) \{ return (.*) \}$/

function renderCheck(name: string, schema: TSchema): string {
  const { Code: code, External: external } = Code(schema)
  const [, functions, entry] = BODY.exec(code) ?? []
  if (functions === undefined || /\b(?:Hashing|CheckContext)\b/.test(functions))
    throw new Error(
      `the check of ${name} is not laid out as expected: has typebox changed, or does the schema use more of it?`,
    )
  const lines = functions.split('\n').filter(line => line !== '' && line !== '// @ts-ignore')
  const patterns = external.variables.map(renderPattern)
  if (patterns.length > 0) lines.unshift(`const ${external.identifier} = [${patterns.join(', ')}]`)
  return ['(() => {', ...lines, `return value => ${entry}`, '})()'].join('\n')
}

function renderPattern(variable: unknown): string {
  if (variable instanceof RegExp) return String(variable)
  throw new Error(`a check asks for ${String(variable)}: only patterns can be written out`)
}
