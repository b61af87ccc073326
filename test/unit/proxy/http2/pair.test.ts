import { test } from 'node:test'
import fc from 'fast-check'
import { Pair, step } from './pair.ts'

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 200)

/** Small ones, so that windows, queues and brakes are met all the time. */
const limits = fc.record({
  concurrentStreamsMax: fc.constantFrom(3, 100),
  streamWindowBytes: fc.constantFrom(100, 20_000, 65_536),
  connectionWindowBytes: fc.constantFrom(65_535, 200_000),
  unconsumedBytesMax: fc.constantFrom(10_000, 4_000_000),
  streamQueueBytes: fc.constantFrom(0, 10_000),
  headerTableBytesMax: fc.constantFrom(0, 60, 4096),
})

test('whatever users do, and however slowly bytes travel, all that was said comes, once and in order, and nothing is left over', () => {
  fc.assert(
    fc.property(limits, fc.array(step, { maxLength: 80 }), (limits, steps) => {
      const pair = new Pair({ ...limits, windowUpdatesBurst: 1e9, resetsBurst: 1e9, emptyDataFramesMax: 1e9 })
      for (const step of steps) pair.run(step)
      pair.settle()
    }),
    { numRuns },
  )
})
