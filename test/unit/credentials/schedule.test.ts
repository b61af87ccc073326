import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { reissueDelayMs, renewalDelayMs, retryDelayMs } from '../../../credentials/schedule.ts'

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const life = fc.integer({ min: 1000, max: 366 * 86_400_000 })

test('a certificate is renewed about the half of its life, spread over a tenth of it', () => {
  fc.assert(
    fc.property(life, chance, (lifeMs, random) => {
      const delayMs = renewalDelayMs({ receivedMs: 1000, notAfterMs: 1000 + lifeMs }, 1000, random)
      assert.ok(delayMs > lifeMs * 0.45 - 1 && delayMs < lifeMs * 0.55 + 1, `${delayMs} of ${lifeMs}`)
    }),
  )
})

test('one whose half life is over, as after a long stop, is renewed at once', () => {
  assert.equal(renewalDelayMs({ receivedMs: 0, notAfterMs: 3_600_000 }, 3_000_000, 0.5), 20)
})

test('between two failures there is ever more time, a minute at most, and always room for several tries in what is left', () => {
  fc.assert(
    fc.property(fc.nat(100), life, chance, (failures, leftMs, random) => {
      const delayMs = retryDelayMs(failures, leftMs, random)
      assert.ok(delayMs >= 20 && delayMs <= Math.max(20, Math.min(60_000, leftMs / 10)))
      assert.ok(retryDelayMs(failures + 1, leftMs, random) >= delayMs)
    }),
  )
})

test('without a certificate a proxy does not wait longer than five seconds', () => {
  fc.assert(fc.property(fc.nat(100), chance, (failures, random) => retryDelayMs(failures, -1, random) <= 5000))
})

test('a certificate of a root that is on its way out is exchanged within seconds, and within a quarter of what is left', () => {
  fc.assert(
    fc.property(
      life,
      chance,
      (leftMs, random) => reissueDelayMs(leftMs, random) <= Math.max(20, Math.min(5000, leftMs / 4)),
    ),
  )
})
