/** `npm run bench [-- name ...]`: runs the benchmarks one after the other; each prints ratios against peers from its own run. */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'

const wanted = process.argv.slice(2)
const all = globSync('bench/*.ts')
  .filter(file => !file.endsWith('/run.ts'))
  .sort()
const files = all.filter(file => wanted.length === 0 || wanted.some(name => file.includes(name)))
if (files.length === 0) {
  console.error(
    `no benchmark is called ${wanted.join(' ')}; there are: ${all.map(file => file.slice('bench/'.length, -'.ts'.length)).join(', ')}`,
  )
  process.exit(2)
}
let failed = 0
for (const file of files) {
  console.log(`\n== ${file}`)
  if (spawnSync(process.execPath, [file], { stdio: 'inherit' }).status !== 0) failed++
}
process.exit(failed === 0 ? 0 : 1)
