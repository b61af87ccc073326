import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Check } from 'typebox/value'
import { intentionsOf, intentionsSection, sortIntentions } from '../../../../control/publish/intentions.ts'
import type { Intention } from '../../../../protocol/intentions.ts'
import { sectionSchemas } from '../../../../protocol/snapshot.ts'
import { meshOf } from '../meshes.ts'

const mesh = meshOf(`
mesh: demo
jwt:
  login: { issuer: i, audiences: [a], jwks: { file: k.json }, forward: { sub: X-User } }
  partner: { issuer: j, audiences: [a], jwks: { url: "https://j/jwks" }, forward: { org: x-org } }
intentions:
  rules:
    - { from: "*", to: "*", action: deny, pathPrefix: /internal }
    - { from: report, to: "*", action: allow, name: reports }
    - { from: "spiffe://partner.mesh/*", to: expense, action: allow }
services:
  report: {}
  expense:
    allow: [{ from: gateway, jwt: { provider: login } }, { from: report, methods: [GET] }]
    deny: [{ from: "*", path: /a, dryRun: true }, { from: report, path: /b }]
gateways: { edge: { listen: 127.0.0.1:0 } }
`)

test('rules are tried the more exact of source and destination first, deny before allow, then as written', () => {
  assert.deepEqual(
    intentionsOf(mesh, 'expense').map(({ name, precedence }) => [name, precedence]),
    [
      ['expense deny 2', 9],
      ['expense allow 1', 9],
      ['expense allow 2', 9],
      ['expense deny 1', 8],
      ['rule 3 allow', 8],
      ['reports', 6],
      ['rule 1 deny', 5],
    ],
  )
  assert.deepEqual(
    intentionsOf(mesh, 'report').map(({ name }) => name),
    ['reports', 'rule 1 deny'],
  )
})

const intention = (name: string, action: 'allow' | 'deny', precedence: number): Intention => ({
  name,
  action,
  precedence,
  dryRun: false,
  source: { any: true },
})
const intentions = fc
  .array(fc.tuple(fc.constantFrom<'allow' | 'deny'>('allow', 'deny'), fc.constantFrom(9, 8, 6, 5)), { maxLength: 12 })
  .map(list => list.map(([action, precedence], index) => intention(String(index), action, precedence)))

test('the order is that of taking the best that is left, again and again', () => {
  fc.assert(
    fc.property(intentions, given => {
      const left = [...given]
      const naive: Intention[] = []
      for (const precedence of [9, 8, 6, 5])
        for (const action of ['deny', 'allow'] as const)
          for (const rule of given)
            if (rule.precedence === precedence && rule.action === action)
              naive.push(left.splice(left.indexOf(rule), 1)[0]!)
      assert.deepEqual(sortIntentions(given), naive)
      assert.deepEqual(left, [])
    }),
  )
})

test('keys go only to those whose rules ask for their tokens; which headers to remove, to everybody', () => {
  const texts = new Map([['login', '{"keys":[]}']])
  const expense = intentionsSection(mesh, 'expense', texts)
  const report = intentionsSection(mesh, 'report', texts)
  assert.ok(Check(sectionSchemas.intentions, expense))
  assert.deepEqual([expense.jwt['login']?.jwks, expense.jwt['partner']?.jwksUrl], ['{"keys":[]}', undefined])
  assert.deepEqual([report.jwt['login']?.jwks, report.jwt['login']?.forward], [undefined, { sub: 'x-user' }])
  assert.deepEqual(report.jwt['partner']?.forward, { org: 'x-org' })
})
