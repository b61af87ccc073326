import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { joinTokenOf, withoutJoinToken } from '../../../credentials/join-token.ts'
import { writeJoinToken } from '../../../protocol/identity.ts'

const VARIABLE = 'TRIMTAB_PROXY_JOIN_TOKEN'
const token = { id: 'token-one', secret: 's'.repeat(43), pin: 'p'.repeat(43) }

test('the token comes from the file that was named, else from the environment, else there is none', t => {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-token-`)
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(`${folder}/token`, `${writeJoinToken(token)}\n`)
  const other = { ...token, id: 'token-two' }

  assert.deepEqual(joinTokenOf(`${folder}/token`, VARIABLE, { [VARIABLE]: writeJoinToken(other) }), {
    status: 'ok',
    token,
  })
  assert.deepEqual(joinTokenOf(undefined, VARIABLE, { [VARIABLE]: writeJoinToken(other) }), {
    status: 'ok',
    token: other,
  })
  assert.deepEqual(joinTokenOf(undefined, VARIABLE, {}), { status: 'ok', token: undefined })
})

test('what is no token is refused without being shown', () => {
  const told = joinTokenOf(undefined, VARIABLE, { [VARIABLE]: 'a-secret-cut-in-half' })

  assert.equal(told.status, 'invalid')
  assert.match(JSON.stringify(told), /TRIMTAB_PROXY_JOIN_TOKEN is no join token/)
  assert.doesNotMatch(JSON.stringify(told), /a-secret/)
  assert.match(JSON.stringify(joinTokenOf('/no/such/file', VARIABLE, {})), /cannot be read: ENOENT/)
})

test('the application that a proxy starts does not inherit the token', () => {
  assert.deepEqual(withoutJoinToken(VARIABLE, { [VARIABLE]: 'x', PATH: '/bin' }), { PATH: '/bin' })
})
