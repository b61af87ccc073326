import type { Applicant, Carried } from './carrier.ts'

/**
 * Those who wait for a stream at one endpoint, in order. Each counts as one who waits (`pended`), but for the one for whom the connection on
 * its way was begun: as over HTTP/1.1, it does not wait for a connection, it makes one.
 */
export class StreamQueue {
  readonly #waiting = new Set<Applicant>()
  readonly #pended: (change: 1 | -1) => void
  #starter: Carried | undefined = undefined

  constructor(pended: (change: 1 | -1) => void) {
    this.#pended = pended
  }

  get size(): number {
    return this.#waiting.size
  }

  join(applicant: Applicant): void {
    this.#pended(1)
    this.#waiting.add(applicant)
  }

  /** A connection was begun for it. */
  joinAsStarter(applicant: Applicant): void {
    this.#starter = applicant
    this.#waiting.add(applicant)
  }

  /** The connection is there, or will not be: for whom it was begun waits from here on as the others do. */
  countStarter(): void {
    if (this.#starter === undefined) return
    this.#starter = undefined
    this.#pended(1)
  }

  /** Whether it waited. */
  leave(applicant: Applicant): boolean {
    if (!this.#waiting.delete(applicant)) return false
    if (this.#starter === applicant) this.#starter = undefined
    else this.#pended(-1)
    return true
  }

  /** Whoever leaves meanwhile is not visited, whoever joins is. */
  [Symbol.iterator](): Iterator<Applicant> {
    return this.#waiting.values()
  }

  /** Empties it; the one for whom the connection was begun comes first. */
  takeAll(): Applicant[] {
    const all = [...this.#waiting]
    for (const applicant of all) this.leave(applicant)
    return all
  }
}
