import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { tokenBook } from '../../../../control/identity/token-book.ts'
import { keepTokenFile } from '../../../../control/identity/token-files.ts'
import type { KeptToken } from '../../../../control/state/identity-store.ts'
import { readJoinToken } from '../../../../protocol/identity.ts'
import { manualClock } from '../../../support/manual-clock.ts'

const [pin, otherPin] = ['p'.repeat(43), 'q'.repeat(43)]

function arrange(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'trimtab-token-file-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const disk = new Map<string, KeptToken>()
  const store = {
    tokens: () => [...disk.values()],
    putToken: (token: KeptToken) => void disk.set(token.id, token),
    dropToken: (id: string) => void disk.delete(id),
  }
  const tokens = tokenBook(store, manualClock(), randomBytes)
  const path = join(folder, 'shared', 'join-token')
  const keep = (withPin = pin, services: '*' | string[] = ['report']) =>
    keepTokenFile(
      {
        path,
        mode: 0o640,
        wanted: { kind: 'join', name: 'file', services, reusable: true, expiresInMs: null, madeBy: 'control' },
      },
      tokens,
      withPin,
    )
  const held = () => readJoinToken(readFileSync(path, 'utf8'))!
  return { folder, path, tokens, keep, held }
}

test('a token is written once, for its group to read, and stays while it is good', t => {
  const { path, keep, held, folder } = arrange(t)
  assert.equal(keep().status, 'written')
  const first = held()
  assert.equal(statSync(path).mode & 0o777, 0o640)
  assert.equal(keep().status, 'kept')
  assert.deepEqual(held(), first)
  assert.deepEqual(readdirSync(join(folder, 'shared')), ['join-token'])
})

test('after a rotation of the root it is the same token with another pin', t => {
  const { tokens, keep, held } = arrange(t)
  keep()
  const before = held()
  assert.equal(keep(otherPin).status, 'written')
  assert.deepEqual(held(), { ...before, pin: otherPin })
  assert.equal(tokens.list().length, 1)
})

test('a token that was revoked, is for others, or was spoilt is replaced', t => {
  const { path, tokens, keep, held } = arrange(t)
  keep()
  tokens.revoke(held().id)
  assert.equal(keep().status, 'written')
  const second = held()
  assert.equal(keep(pin, ['expense']).status, 'written')
  assert.notEqual(held().id, second.id)
  writeFileSync(path, 'spoilt')
  assert.equal(keep(pin, ['expense']).status, 'written')
  assert.ok(held())
})

test('a place that cannot be written to is told, and nothing is thrown', t => {
  const { folder, tokens } = arrange(t)
  writeFileSync(join(folder, 'a-file'), '')
  const wanted = { kind: 'read', name: 'file', expiresInMs: null, madeBy: 'control' } as const
  const kept = keepTokenFile({ path: join(folder, 'a-file', 'token'), mode: 0o640, wanted }, tokens, pin)
  assert.equal(kept.status, 'failed')
})
