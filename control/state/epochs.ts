import type { StateStore } from './store.ts'

/** Numbers for snapshots that only grow, also over a restart and over a disk that refuses for a while. */
export interface Epochs {
  next(): number
  /** The next number is at least this. */
  raiseTo(epoch: number): void
}

/** So many numbers are reserved by one write: not every change waits for the disk, and none is given twice after a kill -9. */
const RESERVED = 1000

export function createEpochs(store: Pick<StateStore, 'kept' | 'write'>): Epochs {
  let epoch = Number(store.kept('epoch') ?? 0)
  let reservedTo = epoch
  return {
    next() {
      epoch++
      if (epoch > reservedTo) {
        reservedTo = epoch + RESERVED
        store.write({ kept: { epoch: String(reservedTo) } })
      }
      return epoch
    },
    raiseTo(least) {
      epoch = Math.max(epoch, least - 1)
    },
  }
}
