import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createJudge, type JudgeInput } from '../../../../control/judge/judge.ts'
import type { ManualAction } from '../../../../control/judge/manual.ts'
import { readDecision } from '../../../../protocol/decision.ts'
import { emptyRow, reporterOf, SERVICE, shiftDefaults } from './traffic.ts'

const versions = ['v1', 'v2', '__proto__']
const endpoints = versions.flatMap(version => [`${version}-a`, `${version}-b`])
const count = fc.integer({ min: 0, max: 40 })

const row = fc
  .record({
    version: fc.constantFrom(...versions, 'unknown'),
    endpoint: fc.constantFrom('', ...endpoints, 'unknown'),
    requests: count,
    http5xx: count,
    timeout: count,
    rescued: count,
    fusedBy: fc.integer({ min: 0, max: 3 }),
    sketch: fc.constantFrom<number[]>([], [300, 5], [400, 2, 559, 3]),
  })
  .map(({ version, endpoint, requests, http5xx, timeout, rescued, fusedBy, sketch }) => ({
    ...emptyRow(version, endpoint),
    requests,
    rescued,
    errors: { http5xx, gateway: 0, reset: 0, timeout },
    fusedBy,
    knownBy: 3,
    sketch,
    traces: ['0123456789abcdef'],
  }))

const tick = fc.tuple(fc.array(row, { maxLength: 8 }), fc.boolean()).map(
  ([rows, silent]): JudgeInput => ({
    kind: 'tick',
    tick: {
      seq: 1,
      time: '',
      intervalMs: 250,
      rows,
      reporters: silent ? [] : [reporterOf('r1')],
      missing: silent ? [reporterOf('r1')] : [],
    },
  }),
)

const settings = fc
  .record({
    weights: fc.array(fc.constantFrom(0, 1, 50), { minLength: 3, maxLength: 3 }),
    present: fc.subarray(endpoints),
    mode: fc.constantFrom('automatic', 'dry-run', 'off'),
    outlier: fc.boolean(),
    fuse: fc.boolean(),
  })
  .map(
    ({ weights, present, mode, outlier, fuse }): JudgeInput => ({
      kind: 'service',
      actor: 'file',
      settings: {
        service: SERVICE,
        versions: new Map(versions.map((version, i) => [version, weights[i]!])),
        endpoints: present.map(id => ({ id, version: id.slice(0, -2) })),
        shift: { ...shiftDefaults, mode: mode as 'automatic', holdForMs: 1000, returnOverMs: 1000 },
        slo: { latency: { underMs: 100, share: 0.9 }, windowMs: 3_600_000 },
        ...(outlier && { outlier: { baseEjectionMs: 1000, maxEjectionMs: 3000, maxEjected: 0.5 } }),
        ...(fuse && {
          passiveHealthCheck: {
            intervalMs: 10_000,
            maxFailures: 3,
            baseEjectionMs: 30_000,
            maxEjectionMs: 300_000,
            maxEjected: 0.5,
            panicBelow: 0.5,
          },
        }),
      },
    }),
  )

const manual = fc
  .constantFrom<ManualAction>(
    { do: 'set-weight', service: SERVICE, version: 'v1', weight: 7 },
    { do: 'pin', service: SERVICE, version: 'v2' },
    { do: 'unpin', service: SERVICE, version: 'v2' },
    { do: 'eject', service: SERVICE, endpoint: 'v1-a' },
    { do: 'uneject', service: SERVICE, endpoint: 'v1-a' },
    { do: 'eject', service: SERVICE, endpoint: 'nowhere' },
  )
  .map((action): JudgeInput => ({ kind: 'manual', action, actor: 'person:ada', reason: '' }))

const input = fc.oneof(
  { weight: 30, arbitrary: tick },
  { weight: 2, arbitrary: settings },
  { weight: 2, arbitrary: manual },
  { weight: 1, arbitrary: fc.constant<JudgeInput>({ kind: 'silence' }) },
)
const steps = fc.array(fc.tuple(input, fc.constantFrom(1, 250, 250, 250, 2000)), { maxLength: 120 })

test('whatever comes in, what goes out is a valid decision, and what changed is said', () => {
  fc.assert(
    fc.property(settings, steps, (first, rest) => {
      const judge = createJudge()
      let nowMs = 5
      judge.take(first, nowMs)
      for (const [next, waitMs] of rest) {
        nowMs += waitMs
        const before = judge.standing(SERVICE)!
        const output = judge.take(next, nowMs)
        const after = judge.standing(SERVICE)!
        for (const proposal of output.proposals) {
          const line = JSON.stringify({ ...proposal, id: 1, time: '2026-01-01T00:00:00.000Z', epoch: 1 })
          const read = readDecision(line)
          assert.equal(read.status, 'ok', read.status === 'invalid' ? `${read.reason}: ${line}` : '')
          assert.ok(!line.includes('null'), line)
        }
        const same =
          JSON.stringify([[...before.weights], [...before.health]]) ===
          JSON.stringify([[...after.weights], [...after.health]])
        if (!same) assert.deepEqual(output.changed, [SERVICE])
      }
    }),
    { numRuns: 60 },
  )
})

test('whatever comes in as traffic, the judge leaves a weight and a healthy endpoint where there were any', () => {
  fc.assert(
    fc.property(fc.array(tick, { maxLength: 150 }), ticks => {
      const judge = createJudge()
      const outlier = { baseEjectionMs: 1000, maxEjectionMs: 3000, maxEjected: 0.5 }
      const shift = { ...shiftDefaults, holdForMs: 1000, returnOverMs: 1000 }
      const all = { service: SERVICE, versions: new Map(versions.map(version => [version, 1])), shift, outlier }
      const there = endpoints.map(id => ({ id, version: id.slice(0, -2) }))
      judge.take({ kind: 'service', actor: 'file', settings: { ...all, endpoints: there } }, 0)
      let nowMs = 0
      for (const each of ticks) {
        nowMs += 250
        judge.take(each, nowMs)
        const { weights, health } = judge.standing(SERVICE)!
        const usable = there.filter(({ id, version }) => weights.get(version)! > 0 && health.get(id) !== 'ejected')
        assert.ok(usable.length > 0)
        const out = [...health.values()].filter(each => each !== 'healthy').length
        assert.ok(out <= 3, `${out} of 6 out`)
      }
    }),
    { numRuns: 60 },
  )
})

test('whatever came in, the saved state restores to the same standing', () => {
  fc.assert(
    fc.property(settings, steps, (first, rest) => {
      const judge = createJudge()
      let nowMs = 5
      judge.take(first, nowMs)
      for (const [next, waitMs] of rest) {
        nowMs += waitMs
        judge.take(next, nowMs)
      }
      const restored = createJudge({}, { text: judge.save(), nowMs: 1, awayMs: 0 })
      assert.deepEqual(restored.standing(SERVICE), judge.standing(SERVICE))
      const text = restored.save()
      assert.equal(createJudge({}, { text, nowMs: 1, awayMs: 0 }).save(), text)
    }),
    { numRuns: 40 },
  )
})
