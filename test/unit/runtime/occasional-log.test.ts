import assert from 'node:assert/strict'
import { test } from 'node:test'
import { occasionalLog } from '../../../runtime/occasional-log.ts'
import { manualClock } from '../../support/manual-clock.ts'

test('of each kind one line a period is written, and the next says how many were left out', () => {
  const clock = manualClock()
  const lines: string[] = []
  const say = occasionalLog(clock, 1000, line => lines.push(line))

  say('a', 'a 1')
  say('b', 'b 1')
  for (let n = 2; n < 5; n++) say('a', `a ${n}`)
  clock.advance(1000)
  say('a', 'a 5')

  assert.deepEqual(lines, ['a 1', 'b 1', 'a 5 (and 3 more like it since the last line)'])
})
