import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { nodeFlags } from '../../../runtime/node-flags.ts'

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')

test('the command and the image run Node as `trimtab up` runs it', () => {
  assert.equal(read('cli/trimtab.js').split('\n', 1)[0], `#!/usr/bin/env -S node ${nodeFlags.join(' ')}`)
  assert.match(
    read('Dockerfile'),
    new RegExp(`^ENTRYPOINT ${quoted(JSON.stringify(['node', ...nodeFlags, 'cli/trimtab.js']))}$`, 'm'),
  )
  const flags = nodeFlags.join(' ')
  // What was compiled with other flags is compiled again.
  assert.ok(
    read('Dockerfile').includes(`node ${flags} scripts/compile-ahead.ts && node ${flags} cli/trimtab.js proxy --help`),
  )
})

test('the Node that we bring takes these flags', () => {
  const { status, stderr } = spawnSync(process.execPath, [...nodeFlags, '-e', ''], { encoding: 'utf8' })

  assert.deepEqual([status, stderr], [0, ''])
})

/** JSON as Dockerfiles are written: a blank behind each comma. */
function quoted(json: string): string {
  return json.replaceAll(',', ', ').replace(/[[\].]/g, '\\$&')
}
