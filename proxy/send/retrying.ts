import type { Retries } from '../../protocol/snapshot.ts'
import type { Cluster } from './cluster.ts'
import type { Endpoint } from './endpoint.ts'
import { decideRetry, type RetryDecision } from './retry-decision.ts'

/** For whoever has not been tried anywhere yet. */
export const NOBODY: readonly Endpoint[] = []

export interface RetryingOwner {
  /** A retry that was granted is due. */
  onRetryDue(nowMs: number): void
}

/**
 * The retries of one request or connection: how many it had, at whom, and the wait for the next. Made when the first one is wanted: most
 * never want any.
 */
export class Retrying {
  readonly #cluster: Cluster
  readonly #retries: Retries
  readonly #owner: RetryingOwner
  #number = 0
  #tried: readonly Endpoint[] = NOBODY
  /** It is one of the retries of the cluster that are under way. */
  #counted = false
  #cancelBackoff: (() => void) | undefined = undefined

  constructor(cluster: Cluster, retries: Retries, owner: RetryingOwner) {
    this.#cluster = cluster
    this.#retries = retries
    this.#owner = owner
  }

  /** How many there were; the one that is waited for is counted. */
  get number(): number {
    return this.#number
  }

  /** Whom the next try leaves out, if there is another. */
  get tried(): readonly Endpoint[] {
    return this.#tried
  }

  /**
   * A try at `endpoint` wants another after it: schedules that, or says and counts why there is none. `leastWaitMs`: what the answer's
   * Retry-After asks for; `leftMs`: until the deadline.
   */
  ask(endpoint: Endpoint, leastWaitMs: number, leftMs: number, nowMs: number): RetryDecision['status'] {
    const { stats, upstream, budget, context, retriesActive } = this.#cluster
    const decision = decideRetry({
      retries: this.#retries,
      had: this.#number,
      othersUnderWay: retriesActive - (this.#counted ? 1 : 0),
      maxRetries: upstream.limits.maxRetries,
      budget,
      leastWaitMs,
      leftMs,
      nowMs,
      random: context.random(),
    })
    if (decision.status === 'retry') this.#schedule(endpoint, decision.waitMs)
    else if (decision.status === 'limit') stats.rqRetryLimitExceeded++
    else if (decision.status === 'overflow') stats.rqRetryOverflow++
    return decision.status
  }

  #schedule(endpoint: Endpoint, waitMs: number): void {
    const { clock } = this.#cluster.context
    this.#cluster.stats.rqRetry++
    this.#number++
    this.#tried = [...this.#tried, endpoint]
    if (!this.#counted) this.#cluster.retriesActive++
    this.#counted = true
    this.#cancelBackoff = clock.after(waitMs, () => {
      this.#cancelBackoff = undefined
      this.#owner.onRetryDue(clock.now())
    })
  }

  /** Its request or connection is over, or refused: no retry follows. */
  end(): void {
    this.#cancelBackoff?.()
    this.#cancelBackoff = undefined
    if (this.#counted) this.#cluster.retriesActive--
    this.#counted = false
  }
}
