import type { Decision } from '../../protocol/decision.ts'

/** A decision before control has written it: its number, time and epoch are given when it is stored. */
export type Proposal = Omit<Decision, 'id' | 'time' | 'epoch'>
