/** Memory that requests may hold together. */
export interface MemoryBudget {
  /** Takes bytes from the budget; false when there is no room, and then nothing is taken. */
  take(bytes: number): boolean
  give(bytes: number): void
  readonly heldBytes: number
}

export function memoryBudget(bytesMax: number): MemoryBudget {
  let heldBytes = 0
  return {
    take(bytes) {
      if (heldBytes + bytes > bytesMax) return false
      heldBytes += bytes
      return true
    },
    give(bytes) {
      heldBytes -= bytes
    },
    get heldBytes() {
      return heldBytes
    },
  }
}
