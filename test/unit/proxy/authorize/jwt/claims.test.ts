import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileClaims } from '../../../../../proxy/authorize/jwt/claim.ts'
import { forwardedHeaders, pushClaims, withoutForwarded } from '../../../../../proxy/authorize/jwt/forward.ts'
import { providerOf } from '../../../../support/tokens.ts'

test('dots lead into objects, a name with dots comes first, of a list and of scope one word has to fit', () => {
  const fits = (claims: Record<string, unknown>, name: string, text: object) => compileClaims({ [name]: text })(claims)
  const one = { exact: 'a' }
  assert.ok(fits({ 'https://x.y/r': 'a' }, 'https://x.y/r', one))
  assert.ok(fits({ r: { s: ['b', 'a'] } }, 'r.s', one))
  assert.ok(!fits({ r: { s: ['b'] } }, 'r.s', one))
  assert.ok(fits({ scope: 'b a' }, 'scope', one))
  assert.ok(!fits({ other: 'b a' }, 'other', one))
  assert.ok(fits({ n: 7, t: true }, 'n', { exact: '7' }) && fits({ t: true }, 't', { exact: 'true' }))
  assert.ok(fits({}, 'r.s', { present: false }) && !fits({ r: null }, 'r', { present: true }))
  assert.ok(!fits({}, 'constructor', { present: true }) && !fits({}, '__proto__.x', { present: true }))
})

test('headers that tell claims are taken from everybody else, in any writing', () => {
  const forwarded = forwardedHeaders({ p: providerOf({ forward: { sub: 'x-user' } }) })
  const fields = ['a', '1', 'x-user', 'evil', 'x_user', 'evil', 'x-users', '2']
  assert.deepEqual(withoutForwarded(fields, forwarded), ['a', '1', 'x-users', '2'])
  const clean = ['a', '1']
  assert.equal(withoutForwarded(clean, forwarded), clean)
})

test('a claim is told as text; what a header cannot hold is encoded or left out', () => {
  const told = (sub: unknown) => {
    const fields: string[] = []
    pushClaims(fields, { sub }, { sub: 'x-user' })
    return fields
  }
  assert.deepEqual(told('ann'), ['x-user', 'ann'])
  assert.deepEqual(told(['a', 1, true]), ['x-user', 'a,1,true'])
  assert.deepEqual(told({ a: 1 }), ['x-user', '{"a":1}'])
  assert.deepEqual(told('é\r\nx: y'), ['x-user', '%C3%A9%0D%0Ax%3A%20y'])
  for (const nothing of [undefined, null, '', 'x'.repeat(5000)]) assert.deepEqual(told(nothing), [])
})

test('whatever a claim holds, its header holds nothing that ends a line or is no ASCII', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (json, text) => {
      const fields: string[] = []
      pushClaims(fields, { a: json, b: text }, { a: 'x-a', b: 'x-b' })
      for (const value of fields) assert.match(value, /^[\x20-\x7e]*$/)
    }),
  )
})
