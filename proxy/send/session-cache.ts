import type { X509Certificate } from 'node:crypto'

const SESSIONS_MAX = 1000
/** A session whose certificate ends sooner is not taken up again: it could end on the way. */
const MARGIN_MS = 1000

/** A session that can be taken up again, and who the far end proved to be when it began. */
export interface Session {
  ticket: Buffer
  certificate: X509Certificate
}

/** The last TLS session of each endpoint, so that the next connection there needs no signature. Bounded: the oldest goes. */
export class SessionCache {
  readonly #sessions = new Map<string, Session>()

  keep(key: string, session: Session): void {
    this.#sessions.delete(key)
    this.#sessions.set(key, session)
    if (this.#sessions.size > SESSIONS_MAX) this.#sessions.delete(this.#sessions.keys().next().value!)
  }

  /** The session to offer, if there is one and its far end's certificate is still valid. */
  take(key: string, wallMs: number): Session | undefined {
    const found = this.#sessions.get(key)
    if (found === undefined) return undefined
    if (wallMs + MARGIN_MS < found.certificate.validToDate.getTime()) return found
    this.#sessions.delete(key)
    return undefined
  }

  clear(): void {
    this.#sessions.clear()
  }
}
