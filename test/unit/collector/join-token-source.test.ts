import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { joinTokenSource } from '../../../collector/join-token-source.ts'
import { writeJoinToken } from '../../../protocol/identity.ts'

const token = { id: 'token-one', secret: 's'.repeat(43), pin: 'p'.repeat(43) }

test('a file may come after the collector has started, and may change', t => {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-token-`)
  t.after(() => rmSync(folder, { recursive: true }))
  const source = joinTokenSource(`${folder}/token`, {})
  assert.equal(source.status, 'ok')
  const read = (source as { token: () => unknown }).token
  assert.equal(read(), undefined)

  writeFileSync(`${folder}/token`, writeJoinToken(token))
  assert.deepEqual(read(), token)

  writeFileSync(`${folder}/token`, writeJoinToken({ ...token, id: 'token-two' }))
  assert.deepEqual(read(), { ...token, id: 'token-two' })
})

test('a token in the environment that is none is told at once, without being shown', () => {
  const source = joinTokenSource(undefined, { TRIMTAB_COLLECTOR_JOIN_TOKEN: 'half-a-secret' })

  assert.equal(source.status, 'invalid')
  assert.match(JSON.stringify(source), /TRIMTAB_COLLECTOR_JOIN_TOKEN is no join token/)
  assert.doesNotMatch(JSON.stringify(source), /half-a-secret/)
})
