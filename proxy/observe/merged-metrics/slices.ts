import type { Clock } from '../../../runtime/clock.ts'

/** How long a merge may keep requests waiting at a stretch; well under the promised 5 ms, for one step may overrun it. */
const sliceMs = 2

/**
 * Runs steps of computation to their end, letting everything else run in between: requests in flight matter more than metrics about
 * them. `each` sees what the steps yield.
 */
export async function runInSlices<Y, T>(
  steps: Generator<Y, T>,
  clock: Pick<Clock, 'now'>,
  each: (yielded: Y) => void = () => {},
): Promise<T> {
  let sliceEnd = clock.now() + sliceMs
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    each(step.value)
    if (clock.now() < sliceEnd) continue
    await new Promise(resolve => setImmediate(resolve))
    sliceEnd = clock.now() + sliceMs
  }
}
