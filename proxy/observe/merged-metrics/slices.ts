import type { Clock } from '../../../runtime/clock.ts'

/** How long a merge may keep requests waiting at a stretch. Of the promised 5 ms the rest is for garbage collection, which comes on top. */
const sliceMs = 1

/** Runs long computations so that everything else gets its turn in between: requests matter more than metrics about them. */
export interface Slices {
  /** Runs steps to their end; `each` sees what they yield. Rejects with what they throw. */
  run<Y, T>(steps: Generator<Y, T>, each?: (yielded: Y) => void): Promise<T>
}

/**
 * One computation at a time: several would each take their slice in the same turn of the event loop, and ten sources that answer at once
 * hold requests up ten times as long.
 */
export function createSlices(clock: Pick<Clock, 'now'>): Slices {
  let last: Promise<unknown> = Promise.resolve()
  return {
    run(steps, each = () => {}) {
      const running = last.then(() => runAlone(steps, each, clock))
      last = running.catch(() => {})
      return running
    },
  }
}

async function runAlone<Y, T>(
  steps: Generator<Y, T>,
  each: (yielded: Y) => void,
  clock: Pick<Clock, 'now'>,
): Promise<T> {
  for (;;) {
    await nextTurn()
    const sliceEndMs = clock.now() + sliceMs
    do {
      const step = steps.next()
      if (step.done) return step.value
      each(step.value)
    } while (clock.now() < sliceEndMs)
  }
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
