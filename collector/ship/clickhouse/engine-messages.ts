import type { Failed, Parameters, TableInsert } from './store.ts'

/** What the collector asks of the engine's process, and what that answers; each answer carries the number of its question. */
export type EngineQuestion =
  | ({ id: number; ask: 'insert' } & TableInsert)
  | { id: number; ask: 'query'; sql: string; parameters: Parameters }
  | { id: number; ask: 'command'; sql: string }

export type EngineAnswer =
  /** The engine's library could be loaded, or never will be on this machine. */
  | { told: 'loaded' }
  | { told: 'absent'; reason: string }
  /** The data directory is open. */
  | { told: 'open'; version: string }
  /** It cannot be opened now; the process ends. */
  | { told: 'failed'; reason: string }
  | { told: 'answer'; id: number; outcome: { status: 'ok'; text: string } | Failed; residentBytes: number }
