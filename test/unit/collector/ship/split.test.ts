import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { backoffMs } from '../../../../collector/ship/backoff.ts'
import { type Sent, sendSplitting } from '../../../../collector/ship/split.ts'

describe('sendSplitting', () => {
  const lines = fc.array(fc.record({ bad: fc.boolean() }), { minLength: 1, maxLength: 40 })

  it('takes every good line exactly once and names every bad one, wherever they stand', async () => {
    await fc.assert(
      fc.asyncProperty(lines, async given => {
        const texts = given.map(({ bad }, index) => `${bad ? 'bad' : 'good'} ${index}`)
        const taken: string[] = []
        const shipped = await sendSplitting('span', texts, async some => {
          if (some.some(text => text.startsWith('bad'))) return { status: 'refused', reason: 'no' }
          taken.push(...some)
          return { status: 'taken' }
        })
        assert.ok(shipped.status === 'shipped')
        assert.deepEqual(
          taken,
          texts.filter(text => text.startsWith('good')),
        )
        assert.deepEqual(
          shipped.refused.map(({ line }) => line),
          texts.filter(text => text.startsWith('bad')),
        )
      }),
    )
  })

  it('calls equal parts by equal names when the same lines are sent again, and different parts by different names', async () => {
    const names = async () => {
      const parts: string[] = []
      await sendSplitting('span', ['a', 'b', 'bad', 'c'], async (some, part) => {
        parts.push(part)
        return some.includes('bad') ? { status: 'refused', reason: 'no' } : { status: 'taken' }
      })
      return parts
    }
    const first = await names()
    assert.deepEqual(await names(), first)
    assert.equal(new Set(first).size, first.length)
  })

  it('stops at the first answer that asks to try again, and hands it on', async () => {
    const answers: Sent[] = [
      { status: 'refused', reason: 'no' },
      { status: 'retry', reason: 'busy', retryAfterMs: 700 },
    ]
    let sent = 0
    const shipped = await sendSplitting('span', ['a', 'b', 'c'], async () => answers[sent++]!)
    assert.deepEqual(shipped, { status: 'retry', reason: 'busy', retryAfterMs: 700 })
    assert.equal(sent, 2)
  })
})

describe('backoffMs', () => {
  it('grows with each try up to five seconds, and chance spreads it down to nothing', () => {
    assert.deepEqual(
      [1, 2, 3, 6, 7, 500].map(attempt => backoffMs(attempt, 1)),
      [200, 400, 800, 5000, 5000, 5000],
    )
    assert.equal(backoffMs(9, 0), 0)
  })

  it('waits as long as the server asks, but not for an hour', () => {
    assert.equal(backoffMs(1, 0, 3000), 3000)
    assert.equal(backoffMs(1, 0, 3_600_000), 60_000)
  })
})
