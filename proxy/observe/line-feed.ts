/**
 * The body of a request that goes on for as long as there are lines. Its reader asks for a line when it has room for one, so nothing is
 * handed out before the connection stands, nor while the other side does not read: what waits stays with the giver, who bounds it.
 */
export interface LineFeed extends AsyncIterable<string> {
  /** A line may be there. */
  wake(): void
  /** No more lines than those that are there. */
  end(): void
  /** No more lines at all. */
  cut(): void
}

/** `take` gives the next line, or undefined when there is none now. */
export function lineFeed(take: () => string | undefined): LineFeed {
  let waiting: ((result: IteratorResult<string>) => void) | undefined
  let ending = false
  let over = false
  const done: IteratorResult<string> = { done: true, value: undefined }

  const look = (): IteratorResult<string> | undefined => {
    if (over) return done
    const line = take()
    if (line !== undefined) return { done: false, value: line }
    return ending ? done : undefined
  }
  const wake = (): void => {
    if (waiting === undefined) return
    const found = look()
    if (found === undefined) return
    const tell = waiting
    waiting = undefined
    tell(found)
  }
  const cut = (): void => {
    over = true
    wake()
  }
  return {
    wake,
    cut,
    end() {
      ending = true
      wake()
    },
    [Symbol.asyncIterator]: () => ({
      next() {
        const found = look()
        if (found !== undefined) return Promise.resolve(found)
        return new Promise(resolve => {
          waiting = resolve
        })
      },
      return() {
        cut()
        return Promise.resolve(done)
      },
    }),
  }
}
