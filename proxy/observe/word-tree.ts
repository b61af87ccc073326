// Hot path: what is known by several words is found by one look-up for each. One key of all of them would have to be joined and hashed anew
// for every request.

/** Leaves by a fixed number of words. Holds as many as it is given: the bound is its owner's. */
export class WordTree<Leaf> {
  readonly #root: Branch<Leaf> = new Map()

  get(a: string, b: string, c = '', d = ''): Leaf | undefined {
    return this.#root.get(a)?.get(b)?.get(c)?.get(d)
  }

  /** Puts a leaf where there is none. */
  add(leaf: Leaf, a: string, b: string, c = '', d = ''): void {
    childOf(childOf(childOf(this.#root, a), b), c).set(d, leaf)
  }

  /** Takes a leaf out, and the branches that have none left. */
  delete(a: string, b: string, c = '', d = ''): void {
    const second = this.#root.get(a)
    const third = second?.get(b)
    const last = third?.get(c)
    if (last?.delete(d) !== true) return
    if (last.size === 0) third?.delete(c)
    if (third?.size === 0) second?.delete(b)
    if (second?.size === 0) this.#root.delete(a)
  }
}

type Branch<Leaf> = Map<string, Map<string, Map<string, Map<string, Leaf>>>>

function childOf<Child>(parent: Map<string, Map<string, Child>>, word: string): Map<string, Child> {
  let child = parent.get(word)
  if (child === undefined) {
    child = new Map()
    parent.set(word, child)
  }
  return child
}
