import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readSecret } from '../../../../control/identity/secret.ts'

function arrange(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'trimtab-secret-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'ca-key')
}

const reasonOf = (read: ReturnType<typeof readSecret>) => (read.status === 'refused' ? read.reason : 'ok')

test('the key file is made once, random, for its owner alone', t => {
  const file = arrange(t)
  const made = readSecret(file, undefined, true)
  assert.ok(made.status === 'ok' && made.made)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const again = readSecret(file, undefined, true)
  assert.ok(again.status === 'ok' && !again.made)
  assert.equal(again.secret, made.secret)
  assert.equal(readFileSync(file, 'utf8').trim(), made.secret)
})

test('a key file that is missing is not made where one must be there', t => {
  assert.match(reasonOf(readSecret(arrange(t), undefined, false)), /is gone/)
})

test('a key file that others may read is refused, with what to do', t => {
  const file = arrange(t)
  readSecret(file, undefined, true)
  for (const mode of [0o640, 0o604, 0o660, 0o601]) {
    chmodSync(file, mode)
    const read = readSecret(file, undefined, false)
    assert.ok(read.status === 'refused', mode.toString(8))
    assert.match(read.hint, /chmod 600/)
  }
  chmodSync(file, 0o400)
  assert.equal(reasonOf(readSecret(file, undefined, false)), 'ok')
})

test('a secret from the settings wins, and one that is short or empty is refused', t => {
  const file = arrange(t)
  const told = readSecret(file, 'a secret of some length', false)
  assert.ok(told.status === 'ok')
  assert.match(reasonOf(readSecret(file, 'short', false)), /has 5 characters/)
  writeFileSync(file, '\n', { mode: 0o600 })
  assert.match(reasonOf(readSecret(file, undefined, false)), /has 0 characters/)
})

test('a folder that cannot be written to is told as such', () => {
  assert.match(reasonOf(readSecret('/nowhere/at/all/ca-key', undefined, true)), /cannot be used|ENOENT/)
})
