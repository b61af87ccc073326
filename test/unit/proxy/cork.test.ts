import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flushAtEndOfTurn } from '../../../proxy/cork.ts'

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

test('what is entered while a turn is flushed leaves in the next, so that one fast source holds up nobody', async () => {
  const order: string[] = []
  const source = {
    flushTurn() {
      order.push('source')
      if (order.length < 5) flushAtEndOfTurn(source)
    },
  }
  flushAtEndOfTurn(source)
  flushAtEndOfTurn({ flushTurn: () => order.push('other') })

  await turn()
  assert.deepEqual(order, ['source', 'other'])
  await turn()
  assert.deepEqual(order, ['source', 'other', 'source'])
})
