import type { DatabaseSync } from 'node:sqlite'
import type { Decision } from '../../protocol/decision.ts'
import type { Registration } from '../../protocol/snapshot.ts'
import { inTransaction, openDatabase } from './database.ts'
import { type IdentityLimits, type IdentityStore, identityStore } from './identity-store.ts'

/** What is written together: all of it or nothing. */
export interface Change {
  decisions?: readonly Decision[]
  /** Named texts: the judge's state, the mesh file in force, the epoch. */
  kept?: Readonly<Record<string, string>>
  instances?: { put: readonly Registration[]; gone: readonly string[] }
}

export interface DecisionQuery {
  service?: string | undefined
  /** Newest first, at most this many. */
  limit: number
  /** Only decisions with a smaller id. */
  before?: number | undefined
}

/**
 * Control's memory. Writing never throws: what cannot be written (a full disk) waits in memory, bounded, and goes with the next
 * write that succeeds; meanwhile `failing` says why.
 */
export interface StateStore {
  write(change: Change): void
  decisions(query: DecisionQuery): Decision[]
  /** Oldest first: those with a higher id. */
  decisionsAfter(id: number, limit: number): Decision[]
  lastDecisionId(): number
  kept(name: string): string | undefined
  instances(): Registration[]
  /** Of who is who: written at once or not at all. */
  readonly identity: IdentityStore
  readonly failing: string | undefined
  /** Decisions that could not be kept because too many waited. */
  readonly droppedDecisions: number
  close(): void
}

export interface StoreLimits {
  decisionsMax: number
  /** Decisions that wait in memory while the disk refuses. */
  waitingMax: number
  identity: IdentityLimits
}

export const storeLimits: StoreLimits = {
  decisionsMax: 100_000,
  waitingMax: 10_000,
  identity: { certificatesMax: 20_000, auditMax: 100_000 },
}

/** Opens the state in a directory. Throws when that cannot be done. `onFailure` is told of each write that failed. */
export function openStore(
  directory: string,
  { decisionsMax, waitingMax, identity }: StoreLimits,
  onFailure: (reason: string) => void,
): StateStore {
  const database = openDatabase(directory)
  const sql = statements(database)
  let waiting: Decision[] = []
  let instancesPut = new Map<string, Registration>()
  let instancesGone = new Set<string>()
  let texts = new Map<string, string>()
  let failing: string | undefined
  let dropped = 0
  let sinceTrim = 0

  const queue = (change: Change) => {
    waiting.push(...(change.decisions ?? []))
    for (const [name, value] of Object.entries(change.kept ?? {})) texts.set(name, value)
    for (const registration of change.instances?.put ?? []) {
      instancesPut.set(registration.instance, registration)
      instancesGone.delete(registration.instance)
    }
    for (const id of change.instances?.gone ?? []) {
      instancesPut.delete(id)
      instancesGone.add(id)
    }
  }
  const flush = () => {
    for (const decision of waiting) sql.putDecision.run(decision.id, decision.service, JSON.stringify(decision))
    for (const [name, value] of texts) sql.keep.run(name, value)
    for (const [id, registration] of instancesPut) sql.putInstance.run(id, JSON.stringify(registration))
    for (const id of instancesGone) sql.dropInstance.run(id)
    sinceTrim += waiting.length
    // Trimming each time would cost every decision a delete; a percent over the bound is no harm.
    if (sinceTrim > decisionsMax / 100) {
      sql.trim.run(decisionsMax)
      sinceTrim = 0
    }
  }
  const forgetQueued = () => {
    waiting = []
    texts = new Map()
    instancesPut = new Map()
    instancesGone = new Set()
  }

  return {
    write(change) {
      queue(change)
      try {
        // A decision must outlive a power cut; the rest may fall back by a second.
        database.exec(`PRAGMA synchronous = ${waiting.length > 0 ? 'FULL' : 'NORMAL'}`)
        inTransaction(database, flush)
        forgetQueued()
        failing = undefined
      } catch (error) {
        failing = (error as Error).message
        const over = waiting.length - waitingMax
        if (over > 0) {
          waiting.splice(0, over)
          dropped += over
        }
        onFailure(failing)
      }
    },
    decisions({ service, limit, before = Number.MAX_SAFE_INTEGER }) {
      const fits = (decision: Decision) =>
        decision.id < before && (service === undefined || decision.service === service)
      const fresh = waiting.filter(fits).reverse().slice(0, limit)
      const rows =
        service === undefined ? sql.decisions.all(before, limit) : sql.decisionsOf.all(service, before, limit)
      return [...fresh, ...rows.map(row => JSON.parse(row['json'] as string) as Decision)].slice(0, limit)
    },
    decisionsAfter(id, limit) {
      const rows = sql.decisionsAfter.all(id, limit).map(row => JSON.parse(row['json'] as string) as Decision)
      return [...rows, ...waiting.filter(decision => decision.id > id)].slice(0, limit)
    },
    lastDecisionId: () => waiting.at(-1)?.id ?? (sql.lastId.get() as { id: number | null }).id ?? 0,
    kept: name => texts.get(name) ?? (sql.kept.get(name) as { value: string } | undefined)?.value,
    instances: () => sql.instances.all().map(row => JSON.parse(row['json'] as string) as Registration),
    identity: identityStore(database, identity),
    get failing() {
      return failing
    },
    get droppedDecisions() {
      return dropped
    },
    close() {
      if (database.isOpen) database.close()
    },
  }
}

function statements(database: DatabaseSync) {
  return {
    putDecision: database.prepare('INSERT OR REPLACE INTO decision (id, service, json) VALUES (?, ?, ?)'),
    trim: database.prepare('DELETE FROM decision WHERE id <= (SELECT max(id) FROM decision) - ?'),
    decisions: database.prepare('SELECT json FROM decision WHERE id < ? ORDER BY id DESC LIMIT ?'),
    decisionsOf: database.prepare('SELECT json FROM decision WHERE service = ? AND id < ? ORDER BY id DESC LIMIT ?'),
    decisionsAfter: database.prepare('SELECT json FROM decision WHERE id > ? ORDER BY id LIMIT ?'),
    lastId: database.prepare('SELECT max(id) AS id FROM decision'),
    keep: database.prepare('INSERT OR REPLACE INTO kept (name, value) VALUES (?, ?)'),
    kept: database.prepare('SELECT value FROM kept WHERE name = ?'),
    putInstance: database.prepare('INSERT OR REPLACE INTO instance (id, json) VALUES (?, ?)'),
    dropInstance: database.prepare('DELETE FROM instance WHERE id = ?'),
    instances: database.prepare('SELECT id, json FROM instance ORDER BY id'),
  }
}
