import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { renderWordChecks } from './render-word-checks.ts'

/** Writes out the checks of what a proxy reads, from the schemas. `npm run checks` */
const file = 'protocol/word-checks.generated.ts'
const path = resolve(import.meta.dirname, '..', file)
const text = renderWordChecks()
if (readFileSync(path, 'utf8') !== text) {
  writeFileSync(path, text)
  console.log(`${file} written`)
}
