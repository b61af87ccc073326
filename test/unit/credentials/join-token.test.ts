import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { JOIN_TOKEN_VARIABLE, joinTokenOf, withoutJoinToken } from '../../../credentials/join-token.ts'
import { writeJoinToken } from '../../../protocol/identity.ts'

const token = { id: 'token-one', secret: 's'.repeat(43), pin: 'p'.repeat(43) }

test('the token comes from the file that was named, else from the environment, else there is none', t => {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-token-`)
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(`${folder}/token`, `${writeJoinToken(token)}\n`)
  const other = { ...token, id: 'token-two' }

  assert.deepEqual(joinTokenOf(`${folder}/token`, { [JOIN_TOKEN_VARIABLE]: writeJoinToken(other) }), {
    status: 'ok',
    token,
  })
  assert.deepEqual(joinTokenOf(undefined, { [JOIN_TOKEN_VARIABLE]: writeJoinToken(other) }), {
    status: 'ok',
    token: other,
  })
  assert.deepEqual(joinTokenOf(undefined, {}), { status: 'ok', token: undefined })
})

test('what is no token is refused without being shown', () => {
  const told = joinTokenOf(undefined, { [JOIN_TOKEN_VARIABLE]: 'a-secret-cut-in-half' })

  assert.equal(told.status, 'invalid')
  assert.match(JSON.stringify(told), /TRIMTAB_PROXY_JOIN_TOKEN is no join token/)
  assert.doesNotMatch(JSON.stringify(told), /a-secret/)
  assert.match(JSON.stringify(joinTokenOf('/no/such/file', {})), /cannot be read: ENOENT/)
})

test('the application that a proxy starts does not inherit the token', () => {
  assert.deepEqual(withoutJoinToken({ [JOIN_TOKEN_VARIABLE]: 'x', PATH: '/bin' }), { PATH: '/bin' })
})
