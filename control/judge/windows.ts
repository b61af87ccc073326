/**
 * Rolling counts out of ticks: rings of slots, fine ones for the last minute, coarser ones further back, so that 30 days cost a few
 * thousand numbers. A slot belongs to a fixed piece of time; a sum over a span takes whole slots, the running one included.
 */
export interface Ring {
  slotMs: number
  slots: number
  /** Number of the newest slot (time / slotMs, rounded down); -1 before the first count. */
  newest: number
  /** slots x fields numbers; empty until something is counted, so that what is idle costs nothing. */
  counts: number[]
}

export interface Window {
  fields: number
  /** Finest first. */
  rings: Ring[]
}

export type Span = { slotMs: number; slots: number }

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** 60 s in ticks, 6 min 10 s in slots of 10 s. */
const recent: Span[] = [
  { slotMs: 250, slots: 241 },
  { slotMs: 10 * SECOND, slots: 37 },
]
/** 6 h in slots of 5 min, 30 d in slots of 1 h. */
const lasting: Span[] = [
  { slotMs: 5 * MINUTE, slots: 73 },
  { slotMs: HOUR, slots: 30 * 24 + 1 },
]
/** An SLO over a longer window is reckoned over this much. */
export const WINDOW_MS_MAX = 30 * 24 * HOUR

/** What a version's window counts: requests, each class of failure, and slow answers, as the callers saw them. */
export const FIELDS = ['requests', 'http5xx', 'gateway', 'reset', 'timeout', 'rescued', 'slow'] as const
export type Counts = Record<(typeof FIELDS)[number], number>

export const versionWindow = (): Window => createWindow(FIELDS.length, recent)
/** An endpoint's window counts attempts, failures and slow attempts. */
export const endpointWindow = (): Window => createWindow(3, [{ slotMs: 250, slots: 61 }, recent[1]!])
/** A service's window serves its SLO: requests, failures, slow ones. */
export const serviceWindow = (): Window => createWindow(3, [recent[1]!, ...lasting])

export function createWindow(fields: number, spans: readonly Span[]): Window {
  return { fields, rings: spans.map(({ slotMs, slots }) => ({ slotMs, slots, newest: -1, counts: [] })) }
}

/** Adds one number a field to every ring. `nowMs` never goes back. */
export function addTo(window: Window, values: readonly number[], nowMs: number): void {
  for (const ring of window.rings) {
    const slot = Math.floor(nowMs / ring.slotMs)
    advance(ring, slot, window.fields)
    const start = (slot % ring.slots) * window.fields
    for (let i = 0; i < window.fields; i++) ring.counts[start + i] = ring.counts[start + i]! + values[i]!
  }
}

/** Sums each field over the last `spanMs`, out of the finest ring that reaches so far (or the coarsest there is). */
export function sumOf(window: Window, spanMs: number, nowMs: number): number[] {
  const ring = window.rings.find(({ slotMs, slots }) => spanMs <= slotMs * (slots - 1)) ?? window.rings.at(-1)!
  const sums = new Array<number>(window.fields).fill(0)
  if (ring.counts.length === 0) return sums
  const now = Math.floor(nowMs / ring.slotMs)
  const taken = Math.min(ring.slots, Math.max(1, Math.ceil(spanMs / ring.slotMs)))
  const oldest = Math.max(now - taken + 1, ring.newest - ring.slots + 1)
  for (let slot = Math.max(0, oldest); slot <= ring.newest; slot++) {
    const start = (slot % ring.slots) * window.fields
    for (let i = 0; i < window.fields; i++) sums[i] = sums[i]! + ring.counts[start + i]!
  }
  return sums
}

/** When the first slot of the finest ring began, within the last `spanMs`, that counts any of a field; `nowMs` when none does. */
export function firstMs(window: Window, field: number, spanMs: number, nowMs: number): number {
  const ring = window.rings[0]!
  if (ring.counts.length === 0) return nowMs
  const oldest = Math.max(Math.floor((nowMs - spanMs) / ring.slotMs) + 1, ring.newest - ring.slots + 1, 0)
  for (let slot = oldest; slot <= ring.newest; slot++)
    if (ring.counts[(slot % ring.slots) * window.fields + field]! > 0) return Math.min(nowMs, slot * ring.slotMs)
  return nowMs
}

/** The sums of a version's window by name. */
export function countsOf(window: Window, spanMs: number, nowMs: number): Counts {
  const sums = sumOf(window, spanMs, nowMs)
  return Object.fromEntries(FIELDS.map((field, i) => [field, sums[i]!])) as Counts
}

/**
 * What counts against a version: a request that failed, and one that was saved by a retry, for the first attempt was the version's.
 */
export function failuresOf({ http5xx, gateway, reset, timeout, rescued }: Omit<Counts, 'requests' | 'slow'>): number {
  return http5xx + gateway + reset + timeout + rescued
}

function advance(ring: Ring, slot: number, fields: number): void {
  if (ring.counts.length === 0) ring.counts = new Array<number>(ring.slots * fields).fill(0)
  const stale = Math.min(ring.slots, slot - ring.newest)
  for (let back = 0; back < stale; back++) {
    const start = ((slot - back) % ring.slots) * fields
    ring.counts.fill(0, start, start + fields)
  }
  if (slot > ring.newest) ring.newest = slot
}
