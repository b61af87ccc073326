// Hot path: who is under way, in no order.

/** Something that is on at most one roster, and knows its place there; -1: on none. */
export interface Listed {
  place: number
}

/**
 * A set of what comes and goes with each request. As an array in which the last takes the place of who leaves; a Set's or Map's outgrown
 * tables would hold requests that are over until the next full collection (see http2/stream-table.ts).
 */
export class Roster<T extends Listed> {
  readonly #members: T[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: T): void {
    if (member.place < 0) member.place = this.#members.push(member) - 1
  }

  /** Whoever is not on it may be removed, too. */
  remove(member: T): void {
    const { place } = member
    if (place < 0) return
    member.place = -1
    const last = this.#members.pop()!
    if (last === member) return
    this.#members[place] = last
    last.place = place
  }

  /** From the last to the first: whoever is visited may leave, and those who come meanwhile are not visited. */
  forEach(visit: (member: T) => void): void {
    for (let i = this.#members.length - 1; i >= 0; i--) {
      const member = this.#members[i]
      if (member !== undefined) visit(member)
    }
  }
}
