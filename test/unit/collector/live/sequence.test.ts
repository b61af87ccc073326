import assert from 'node:assert/strict'
import { it } from 'node:test'
import { judgeSequence } from '../../../../collector/live/sequence.ts'

const cases: [string, Parameters<typeof judgeSequence>, ReturnType<typeof judgeSequence>][] = [
  [
    'the first line ever is next, whatever its number',
    [undefined, 41, true],
    { status: 'next', missed: 0, restarted: false },
  ],
  ['the following number is next', [4, 5, false], { status: 'next', missed: 0, restarted: false }],
  ['a gap counts what never came', [4, 8, false], { status: 'next', missed: 3, restarted: false }],
  ['a number that was taken is seen', [4, 4, false], { status: 'seen' }],
  ['a lower number in the middle of a stream is seen', [5000, 0, false], { status: 'seen' }],
  ['a new stream may repeat what the old one had sent', [100, 60, true], { status: 'seen' }],
  [
    'a new stream that begins at zero is a proxy that was restarted',
    [30, 0, true],
    { status: 'next', missed: 0, restarted: true },
  ],
  [
    'so is one that begins further back than anything that is sent again',
    [5000, 12, true],
    { status: 'next', missed: 0, restarted: true },
  ],
]
for (const [rule, [last, seq, first], expected] of cases)
  it(rule, () => assert.deepEqual(judgeSequence(last, seq, first), expected))
