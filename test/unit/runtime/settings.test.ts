import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { flag, listOf, text } from '../../../runtime/setting-readers.ts'
import { readSettings } from '../../../runtime/settings.ts'

const program = { name: 'trimtab test', summary: 'Tests.', examples: [], envPrefix: 'TEST' }
const settings = {
  joinTokenFile: { flag: '--join-token-file <file>', describe: 'a file', read: text },
  tokens: { flag: '--token <text>', describe: 'tokens', read: listOf(text), default: [] },
  json: { flag: '--json', describe: 'JSON', read: flag, default: false },
} as const

function readFrom(t: TestContext, yaml: string, argv: readonly string[] = [], env = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'trimtab-settings-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'settings.yaml')
  writeFileSync(file, yaml)
  return readSettings(program, settings, { argv: ['--settings', file, ...argv], env })
}

test('a settings file takes each setting by the name of its flag, or as one word', t => {
  for (const word of ['join-token-file', 'joinTokenFile']) {
    const read = readFrom(t, `${word}: a.token\ntoken: [x, y]\njson: true\n`)
    assert.deepEqual(read, {
      status: 'ok',
      values: { joinTokenFile: 'a.token', tokens: ['x', 'y'], json: true },
      operands: [],
    })
  }
})

test('a flag wins over the environment, the environment over the settings file', t => {
  const yaml = 'join-token-file: of-the-file'
  const env = { TEST_JOIN_TOKEN_FILE: 'of-the-environment' }
  const found = [
    readFrom(t, yaml, ['--join-token-file', 'of-the-flag'], env),
    readFrom(t, yaml, [], env),
    readFrom(t, yaml),
  ]
  assert.deepEqual(
    found.map(read => read.status === 'ok' && read.values.joinTokenFile),
    ['of-the-flag', 'of-the-environment', 'of-the-file'],
  )
})

test('an unknown field is refused with the names that there are, and so is a setting that stands there twice', t => {
  const unknown = readFrom(t, 'join-tokens: 1')
  assert.equal(unknown.status, 'invalid')
  assert.match(unknown.reason, /unknown field join-tokens, allowed: join-token-file, token, json \(see/)
  const twice = readFrom(t, 'join-token-file: a\njoinTokenFile: b')
  assert.equal(twice.status, 'invalid')
  assert.match(twice.reason, /join-token-file stands there twice, once as joinTokenFile/)
})
