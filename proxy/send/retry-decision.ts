import type { Retries } from '../../protocol/snapshot.ts'
import type { RetryBudget } from './budget.ts'
import { backoffMs } from './retry.ts'

export interface RetryQuestion {
  retries: Retries
  /** Retries that this request has had. */
  had: number
  /** Retries of other requests of the cluster under way, and how many may be. */
  othersUnderWay: number
  maxRetries: number
  budget: RetryBudget
  /** What an answer's Retry-After asks for at least. */
  leastWaitMs: number
  /** What is left until the deadline. */
  leftMs: number
  nowMs: number
  /** In [0, 1). */
  random: number
}

/** limit: this request has had all its retries. overflow: the cluster has. late: it would come after the deadline. */
export type RetryDecision = { status: 'retry'; waitMs: number } | { status: 'limit' | 'overflow' | 'late' }

/** Whether a try that wants a retry gets one. A granted one is taken off the budget. */
export function decideRetry(question: RetryQuestion): RetryDecision {
  const { retries, had, nowMs } = question
  if (had >= retries.attempts) return { status: 'limit' }
  const waitMs = Math.max(question.leastWaitMs, backoffMs(retries, had + 1, question.random))
  if (waitMs >= question.leftMs) return { status: 'late' }
  if (question.othersUnderWay >= question.maxRetries) return { status: 'overflow' }
  if (!question.budget.take(retries.budget, retries.budgetPerSecond, nowMs)) return { status: 'overflow' }
  return { status: 'retry', waitMs }
}
