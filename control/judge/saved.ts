import type { ServiceState } from './service.ts'
import type { Ring } from './windows.ts'

/** Everything that the judge remembers. */
export interface JudgeState {
  services: Map<string, ServiceState>
  /** The judge's own time: monotonic over restarts. */
  nowMs: number
  lastTickAtMs: number
  dark: boolean
}

const FORMAT = 1

/** The state as JSON text. Maps become lists of pairs (any name may be a key), rings only tell what is not 0. */
export function saveState(state: JudgeState): string {
  return JSON.stringify({ format: FORMAT, state }, (key, value: unknown) => {
    if (value instanceof Map) return { pairs: [...value] }
    if (key === 'counts' && Array.isArray(value)) return sparse(value as number[])
    return value
  })
}

/** Reads what saveState wrote. Throws on text of another make: the caller starts anew then, and says so. */
export function readState(text: string): JudgeState {
  const { format, state } = JSON.parse(text, (_key, value: unknown) => {
    if (isRecord(value) && Array.isArray(value['pairs'])) return new Map(value['pairs'] as [string, unknown][])
    if (isRecord(value) && typeof value['slotMs'] === 'number') return denseRing(value as unknown as SavedRing)
    return value
  }) as { format: number; state: JudgeState }
  if (format !== FORMAT) throw new Error(`saved judge state has format ${format}, this control reads ${FORMAT}`)
  return state
}

type SavedRing = Omit<Ring, 'counts'> & { counts: { size: number; filled: number[] } }

function sparse(counts: readonly number[]): { size: number; filled: number[] } {
  const filled: number[] = []
  for (let i = 0; i < counts.length; i++) if (counts[i] !== 0) filled.push(i, counts[i]!)
  return { size: counts.length, filled }
}

function denseRing(ring: SavedRing): Ring {
  const counts = new Array<number>(ring.counts.size).fill(0)
  const { filled } = ring.counts
  for (let i = 0; i + 1 < filled.length; i += 2) counts[filled[i]!] = filled[i + 1]!
  return { ...ring, counts }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
