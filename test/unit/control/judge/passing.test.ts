import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPassing, stepPassing, verdictOf } from '../../../../control/judge/passing.ts'
import { seeded } from './traffic.ts'

const rules = { tolerance: 0.1, passAt: 20, failAt: 1000 }

test('about thirty good requests in a row pass, three bad ones fail', () => {
  const good = createPassing()
  let needed = 0
  for (; verdictOf(good, rules) === 'open'; needed++) stepPassing(good, { bad: 0, all: 1 }, 0, rules)
  assert.ok(verdictOf(good, rules) === 'passed' && needed >= 20 && needed <= 35, `${needed}`)
  const bad = createPassing()
  stepPassing(bad, { bad: 2, all: 2 }, 0, rules)
  assert.equal(verdictOf(bad, rules), 'open')
  stepPassing(bad, { bad: 1, all: 1 }, 0, rules)
  assert.equal(verdictOf(bad, rules), 'failed')
})

test('one stray failure is no relapse, it only asks for more good requests', () => {
  const passing = createPassing()
  stepPassing(passing, { bad: 1, all: 1 }, 0, rules)
  stepPassing(passing, { bad: 0, all: 30 }, 0, rules)
  assert.equal(verdictOf(passing, rules), 'open')
  stepPassing(passing, { bad: 0, all: 30 }, 0, rules)
  assert.equal(verdictOf(passing, rules), 'passed')
})

test('one that is worse by the tolerance passes at most once in twenty times', () => {
  const random = seeded(11)
  let passed = 0
  for (let i = 0; i < 1000; i++) {
    const passing = createPassing()
    while (verdictOf(passing, rules) === 'open')
      stepPassing(passing, { bad: random() < 0.11 ? 1 : 0, all: 1 }, 0.01, rules)
    if (verdictOf(passing, rules) === 'passed') passed++
  }
  assert.ok(passed <= 60, `${passed} of 1000`)
})

test('when the others fail as often, it is not held against the one on its way back', () => {
  const passing = createPassing()
  stepPassing(passing, { bad: 3, all: 10 }, 0.3, rules)
  assert.notEqual(verdictOf(passing, rules), 'failed')
})

test('what was shown is not saved up: after many good requests three bad ones still undo the pass', () => {
  const passing = createPassing()
  stepPassing(passing, { bad: 0, all: 10_000 }, 0, rules)
  stepPassing(passing, { bad: 5, all: 5 }, 0, rules)
  assert.equal(verdictOf(passing, rules), 'failed')
})
