/** Asks until it holds; fails with what was last seen. The pause is between two looks, never a guess of how long something takes. */
export async function until<T>(
  what: string,
  ask: () => Promise<T> | T,
  holds: (value: T) => boolean,
  withinMs = 30_000,
): Promise<T> {
  const endMs = performance.now() + withinMs
  for (;;) {
    let value: T | undefined
    let problem: unknown
    try {
      value = await ask()
      if (holds(value)) return value
    } catch (error) {
      problem = error
    }
    if (performance.now() > endMs)
      throw new Error(
        `${what} did not come within ${withinMs} ms; last seen: ${problem === undefined ? JSON.stringify(value)?.slice(0, 1000) : String(problem)}`,
      )
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}
