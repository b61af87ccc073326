import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { renderMeshSchema, renderMeshYaml } from './reference-mesh-yaml.ts'

/**
 * Writes docs/reference/ from the schemas. With --check it writes nothing and fails when a file on disk says something else.
 * A new page is one more line in `pages`.
 */
type Page = { file: string; render: () => string }

const pages: Page[] = [
  { file: 'docs/reference/mesh-yaml.md', render: renderMeshYaml },
  { file: 'docs/reference/mesh-yaml.schema.json', render: renderMeshSchema },
]

const root = resolve(import.meta.dirname, '..')

function onDisk(file: string): string | undefined {
  try {
    return readFileSync(resolve(root, file), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const check = process.argv.includes('--check')
const stale = pages
  .map(page => ({ file: page.file, text: page.render() }))
  .filter(({ file, text }) => onDisk(file) !== text)
for (const { file, text } of stale) {
  if (check) {
    console.error(`${file} does not say what the schema says: run \`npm run docs\` and commit the result`)
    continue
  }
  mkdirSync(dirname(resolve(root, file)), { recursive: true })
  writeFileSync(resolve(root, file), text)
  console.log(`${file} written`)
}
if (check && stale.length > 0) process.exitCode = 1
