const SESSIONS_MAX = 1000
/** A session whose certificate ends sooner is not taken up again: it could end on the way. */
const MARGIN_MS = 1000

/** The last TLS session of each endpoint, so that the next connection there needs no signature. Bounded: the oldest goes. */
export class SessionCache {
  readonly #sessions = new Map<string, { ticket: Buffer; untilMs: number }>()

  keep(key: string, ticket: Buffer, untilMs: number): void {
    this.#sessions.delete(key)
    this.#sessions.set(key, { ticket, untilMs })
    if (this.#sessions.size > SESSIONS_MAX) this.#sessions.delete(this.#sessions.keys().next().value!)
  }

  /** The session to offer, if there is one and its far end's certificate is still valid. */
  take(key: string, wallMs: number): Buffer | undefined {
    const found = this.#sessions.get(key)
    if (found === undefined) return undefined
    if (wallMs + MARGIN_MS < found.untilMs) return found.ticket
    this.#sessions.delete(key)
    return undefined
  }

  clear(): void {
    this.#sessions.clear()
  }
}
