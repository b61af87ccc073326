import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeProblem } from '../../../../demo/app/failures.ts'

test('a problem names the field, what is allowed and what was found', () => {
  const problem = { instancePath: '/errorRate', message: 'must be <= 1', keyword: 'maximum', params: {}, data: 1.5 }
  assert.equal(describeProblem(problem), 'errorRate must be <= 1, found 1.5')
})

test('an unknown field is named together with those that are known', () => {
  const problem = {
    instancePath: '',
    keyword: 'additionalProperties',
    params: { additionalProperty: 'rate' },
    parentSchema: { properties: { errorRate: {}, delayMs: {} } },
  }
  assert.equal(describeProblem(problem), 'unknown field "rate"; allowed: errorRate, delayMs')
})

test('a missing field is named, without the whole body behind it', () => {
  const problem = {
    instancePath: '',
    message: "must have required property 'name'",
    keyword: 'required',
    params: {},
    data: { a: 1 },
  }
  assert.equal(describeProblem(problem), "it must have required property 'name'")
})

test('what was found is quoted in part only, however long it is', () => {
  const problem = {
    instancePath: '/name',
    message: 'is too long',
    keyword: 'maxLength',
    params: {},
    data: 'x'.repeat(9_999),
  }
  assert.ok(describeProblem(problem).length < 100)
})
