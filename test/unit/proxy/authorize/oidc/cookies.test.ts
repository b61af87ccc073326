import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cookiesOf, withoutCookies } from '../../../../../proxy/authorize/oidc/cookies.ts'
import { needsLogin } from '../../../../../proxy/authorize/oidc/needs-login.ts'
import { sealsOf } from '../../../../../proxy/authorize/oidc/sealed.ts'

test('cookies are read by name, the first of each; the gateway’s own are taken out, others stay', () => {
  const fields = ['cookie', 's=1; a=b=c;s=2', 'x', 'y', 'cookie', 's-login-x=3; z=']
  assert.deepEqual(
    [...cookiesOf(fields)],
    [
      ['s', '1'],
      ['a', 'b=c'],
      ['s-login-x', '3'],
      ['z', ''],
    ],
  )
  assert.deepEqual(withoutCookies(fields, 's'), ['x', 'y', 'cookie', 'a=b=c; z='])
  assert.deepEqual(withoutCookies(['cookie', 's=1', 'x', 'y'], 's'), ['x', 'y'])
  const clean = ['cookie', 'a=b']
  assert.equal(withoutCookies(clean, 's'), clean)
})

test('the longest prefix of what is protected and what is open decides', () => {
  const needs = (path: string) => needsLogin(path, ['/', '/a/b/c/'], ['/a', '/a/b'])
  assert.deepEqual(['/', '/x', '/a', '/ab', '/a/b/d', '/a/b/c', '/a/b/c/d'].map(needs), [
    true,
    true,
    false,
    true,
    false,
    true,
    true,
  ])
  assert.equal(needsLogin('/x', ['/a'], []), false)
  assert.equal(needsLogin('*', ['/'], []), false)
})

const meaning = (sealed: string) =>
  sealed
    .split('.')
    .map(part => Buffer.from(part, 'base64url').toString('hex'))
    .join('.')

test('what is sealed opens with the same secret, for the same purpose, in its time, and nothing else does', async () => {
  const seals = sealsOf('secret', 'c')
  const sealed = await seals.seal('session', { sub: 'ann' }, 2_000_000)
  assert.deepEqual(await seals.open('session', sealed, 1_999_000), { value: { sub: 'ann' }, endMs: 2_000_000 })
  assert.equal(await seals.open('session', sealed, 2_000_000), undefined)
  assert.equal(await seals.open('login', sealed, 0), undefined)
  assert.equal(await sealsOf('other', 'c').open('session', sealed, 0), undefined)
  assert.equal(await sealsOf('secret', 'd').open('session', sealed, 0), undefined)
  await fc.assert(
    fc.asyncProperty(fc.nat(sealed.length - 1), fc.constantFrom(...'AZ.-'), async (at, sign) => {
      const changed = sealed.slice(0, at) + sign + sealed.slice(at + 1)
      // The last sign of a part has bits that mean nothing: what says the same bytes is the same.
      if (meaning(changed) === meaning(sealed)) return
      assert.equal(await seals.open('session', changed, 0), undefined, `${at}`)
    }),
  )
})
