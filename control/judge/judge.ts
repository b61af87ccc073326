import type { DataState } from '../../protocol/decision.ts'
import type { Tick } from '../../protocol/tick.ts'
import type { Proposal } from './proposal.ts'
import type { ServiceSettings } from './settings.ts'
import type { Standing } from './standing.ts'

/** What a person asks for. Always wins over the judge. */
export type ManualAction =
  /** A new weight; the judge may move it again on new evidence. */
  | { do: 'set-weight'; service: string; version: string; weight: number }
  /** The judge leaves this weight alone. Without a weight: pinned where it stands. */
  | { do: 'pin'; service: string; version: string; weight?: number }
  /** Gives the weight back to the file and the judge. */
  | { do: 'unpin'; service: string; version: string }
  /** Stays out until `uneject`. */
  | { do: 'eject'; service: string; endpoint: string }
  | { do: 'uneject'; service: string; endpoint: string }

export type JudgeInput =
  /** One line of the live stream; of several collectors, merged. */
  | { kind: 'tick'; tick: Tick }
  /** Nothing came: time went on. To be given a few times a second while no tick arrives. */
  | { kind: 'silence' }
  | { kind: 'service'; settings: ServiceSettings; actor: string }
  | { kind: 'gone'; service: string }
  | { kind: 'manual'; action: ManualAction; actor: string; reason: string }

export interface JudgeOutput {
  /** Decisions to be written, in order. */
  proposals: Proposal[]
  /** Services whose weights or healths in force changed: to be published. */
  changed: string[]
  /** Why an input was not taken (an unknown service, a weight below 0). */
  refused?: string
}

/** Pure: no clock, no IO. `now` is monotonic milliseconds and never goes back. The same inputs give the same outputs. */
export interface Judge {
  take(input: JudgeInput, now: number): JudgeOutput
  standing(service: string): Standing | undefined
  /** Of the whole mesh: dark when no tick arrives. */
  data(): DataState
  /** Everything it knows as JSON text; `createJudge(settings, { text, now, awayMs })` goes on from there. */
  save(): string
}
