import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Applicant } from '../../../../proxy/send/carrier.ts'
import { StreamQueue } from '../../../../proxy/send/stream-queue.ts'

const applicant = () => ({}) as Applicant

function queue() {
  const counts = { pended: 0 }
  const made = new StreamQueue(change => {
    counts.pended += change
  })
  return { made, counts }
}

test('whoever waits counts as waiting, but for the one for whom the connection was begun', () => {
  const { made, counts } = queue()
  const [starter, other] = [applicant(), applicant()]

  made.joinAsStarter(starter)
  made.join(other)
  assert.deepEqual([made.size, counts.pended], [2, 1])
  made.countStarter()
  made.countStarter()

  assert.deepEqual([made.size, counts.pended], [2, 2])
})

test('a starter that leaves takes nothing off the count, and whoever does not wait cannot leave', () => {
  const { made, counts } = queue()
  const [starter, other] = [applicant(), applicant()]
  made.joinAsStarter(starter)
  made.join(other)

  assert.deepEqual([made.leave(starter), made.leave(starter), made.leave(applicant())], [true, false, false])

  made.countStarter()
  assert.deepEqual([made.size, counts.pended], [1, 1])
})

test('they are served in the order in which they came', () => {
  const { made } = queue()
  const all = [applicant(), applicant(), applicant()]
  made.joinAsStarter(all[0]!)
  made.join(all[1]!)
  made.join(all[2]!)

  const served = [...made]
  const taken = made.takeAll()

  assert.deepEqual([served, taken, made.size], [all, all, 0])
})

test('whatever comes and goes, an empty queue counts nobody', () => {
  const steps = fc.array(fc.constantFrom('join', 'start', 'leave first', 'leave last', 'count'), { maxLength: 40 })
  fc.assert(
    fc.property(steps, names => {
      const { made, counts } = queue()
      for (const name of names) {
        const waiting = [...made]
        if (name === 'join') made.join(applicant())
        else if (name === 'start' && waiting.length === 0) made.joinAsStarter(applicant())
        else if (name === 'leave first' && waiting.length > 0) made.leave(waiting[0]!)
        else if (name === 'leave last' && waiting.length > 0) made.leave(waiting.at(-1)!)
        else if (name === 'count') made.countStarter()
        assert.ok(made.size - counts.pended === 0 || made.size - counts.pended === 1)
      }
      made.takeAll()
      assert.deepEqual([made.size, counts.pended], [0, 0])
    }),
  )
})
