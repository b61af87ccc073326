import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  beginRotation,
  issuingRoot,
  lastingRoot,
  lookAtRotation,
  type Rotation,
  readRotation,
  trustedRoots,
} from '../../../../control/identity/rotation.ts'

const limits = { patienceMs: 60_000, skewMs: 1000 }
const steady: Rotation = { step: 'steady', root: 'old' }
const spreading: Rotation = { step: 'spreading', from: 'old', to: 'new', sinceMs: 100_000, epoch: 7 }
const renewing: Rotation = { step: 'renewing', from: 'old', to: 'new', sinceMs: 100_000 }

test('a new root is trusted before anything comes from it, and the old one until nothing of it is valid', () => {
  // begin
  const begun = beginRotation(steady, 'new', 100_000, 7)!
  assert.deepEqual(begun, spreading)
  assert.deepEqual(trustedRoots(begun), ['new', 'old'])
  assert.equal(issuingRoot(begun), 'old')
  assert.equal(lastingRoot(begun), 'new')
  // somebody does not know it yet
  const waits = lookAtRotation(begun, { nowMs: 110_000, behind: ['e1'], leavesUntilMs: 200_000, limits })
  assert.deepEqual(waits, { status: 'stays', why: '1 proxies have not applied the new root yet' })
  // everybody does
  const moved = lookAtRotation(begun, { nowMs: 120_000, behind: [], leavesUntilMs: 200_000, limits })
  assert.ok(moved.status === 'moves')
  assert.equal(issuingRoot(moved.rotation), 'new')
  assert.deepEqual(trustedRoots(moved.rotation), ['new', 'old'])
  // the last certificate of the old one, and the skew
  for (const nowMs of [130_000, 200_000, 201_000])
    assert.equal(lookAtRotation(moved.rotation, { nowMs, behind: [], leavesUntilMs: 200_000, limits }).status, 'stays')
  const over = lookAtRotation(moved.rotation, { nowMs: 201_001, behind: [], leavesUntilMs: 200_000, limits })
  assert.ok(over.status === 'moves')
  assert.deepEqual(over.rotation, { step: 'steady', root: 'new' })
  assert.equal(over.retired, 'old')
})

test('who does not apply the new root is waited for with patience, not for ever, and is named', () => {
  const at = (nowMs: number) => lookAtRotation(spreading, { nowMs, behind: ['e1', 'e2'], leavesUntilMs: 0, limits })
  assert.equal(at(159_999).status, 'stays')
  const moved = at(160_000)
  assert.ok(moved.status === 'moves')
  assert.equal(moved.rotation.step, 'renewing')
  assert.deepEqual(moved.leftBehind, ['e1', 'e2'])
})

test('a clock that is set back makes a rotation wait, and never skip a step', () => {
  assert.equal(lookAtRotation(spreading, { nowMs: 0, behind: ['e1'], leavesUntilMs: 0, limits }).status, 'stays')
  assert.equal(lookAtRotation(renewing, { nowMs: 0, behind: [], leavesUntilMs: 5000, limits }).status, 'stays')
})

test('while one rotation is under way no other begins', () => {
  assert.equal(beginRotation(spreading, 'newer', 0, 1), undefined)
  assert.equal(beginRotation(renewing, 'newer', 0, 1), undefined)
  assert.equal(beginRotation(steady, 'old', 0, 1), undefined)
})

const events = fc.array(
  fc.record({
    begin: fc.boolean(),
    afterMs: fc.integer({ min: -50_000, max: 100_000 }),
    behind: fc.array(fc.constantFrom('e1', 'e2'), { maxLength: 2 }),
    issue: fc.boolean(),
  }),
  { maxLength: 60 },
)

test('whatever happens, what is valid is trusted: certificates come from a trusted root, and no root goes while one of its leaves lasts', () => {
  fc.assert(
    fc.property(events, steps => {
      let rotation: Rotation = { step: 'steady', root: 'r0' }
      let made = 0
      let nowMs = 1_000_000
      const leavesUntil = new Map<string, number>()
      for (const { begin, afterMs, behind, issue } of steps) {
        nowMs += afterMs
        if (begin) rotation = beginRotation(rotation, `r${++made}`, nowMs, made) ?? rotation
        if (issue) {
          const root = issuingRoot(rotation)
          leavesUntil.set(root, Math.max(leavesUntil.get(root) ?? 0, nowMs + 30_000))
        }
        const before = rotation
        const from = rotation.step === 'steady' ? rotation.root : rotation.from
        const looked = lookAtRotation(rotation, { nowMs, behind, leavesUntilMs: leavesUntil.get(from) ?? 0, limits })
        if (looked.status === 'moves') rotation = looked.rotation
        // a restart changes nothing
        assert.deepEqual(readRotation(JSON.stringify(rotation)), rotation)
        const trusted = trustedRoots(rotation)
        assert.ok(trusted.includes(issuingRoot(rotation)))
        assert.ok(trusted.includes(lastingRoot(rotation)))
        for (const gone of trustedRoots(before).filter(root => !trusted.includes(root)))
          assert.ok((leavesUntil.get(gone) ?? 0) < nowMs, `${gone} went while a certificate of its could be valid`)
        // nobody hears of a root only when certificates come from it
        if (issuingRoot(rotation) !== issuingRoot(before))
          assert.ok(trustedRoots(before).includes(issuingRoot(rotation)))
      }
    }),
    { numRuns: 500 },
  )
})

test('what is no rotation is not read as one', () => {
  for (const text of [
    undefined,
    '',
    'null',
    '3',
    '[]',
    '{}',
    '{"step":"steady"}',
    '{"step":"renewing","from":"a","to":"b"}',
    '{"step":"elsewhere","from":"a","to":"b","sinceMs":1}',
  ])
    assert.equal(readRotation(text), undefined, text)
  fc.assert(fc.property(fc.string(), text => void readRotation(text)))
  fc.assert(fc.property(fc.json(), text => void readRotation(text)))
})
