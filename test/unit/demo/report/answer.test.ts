import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SEED } from '../../../../demo/expense/seed.ts'
import { readExpenses, readText } from '../../../../demo/report/answer.ts'
import type { ExpenseAnswer } from '../../../../demo/report/expense-client.ts'

const answered = (code: number, body: string): ExpenseAnswer => ({ status: 'answered', code, body })
const codeOf = (answer: ExpenseAnswer) => {
  const outcome = readText(answer)
  return outcome.status === 'failed' ? outcome.code : 200
}

test('a list of expenses is understood, with fields that we do not know', () => {
  const body = JSON.stringify(SEED.map(expense => ({ ...expense, note: 'new in v9' })))
  const outcome = readExpenses(answered(200, body))
  assert.equal(outcome.status === 'understood' && outcome.value.length, SEED.length)
})

test("expense's 404 and 503 stay what they are; every other failure behind us is 502, and a timeout 504", () => {
  assert.deepEqual(
    [404, 503, 500, 403, 429, 301].map(code => codeOf(answered(code, 'x'))),
    [404, 503, 502, 502, 502, 502],
  )
  const failed = (reason: 'timeout' | 'unreachable' | 'saturated' | 'too-large') =>
    codeOf({ status: 'failed', reason, message: 'x' })
  assert.deepEqual(
    [failed('timeout'), failed('unreachable'), failed('saturated'), failed('too-large')],
    [504, 502, 503, 502],
  )
})

test('a 200 that is not a list of expenses is a 502 that quotes a part of it, whatever it is', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 2_000 }), fc.json()), body => {
      const outcome = readExpenses(answered(200, body))
      assert.equal(outcome.status === 'failed' && outcome.code, 502)
      assert.ok(outcome.status === 'failed' && outcome.message.length < 260)
    }),
  )
})
