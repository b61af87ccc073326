import { countSlower } from '../../protocol/sketch.ts'
import type { TickRow } from '../../protocol/tick.ts'
import { noteCaller } from './data-state.ts'
import { type Fused, noteFused } from './fuse.ts'
import type { ServiceState } from './service.ts'
import { addTo, failuresOf } from './windows.ts'

/** One tick's rows of one service, added up by version (callers' view) and by endpoint (attempts). */
export interface Tally {
  /** Fields as in windows.ts: requests, http5xx, gateway, reset, timeout, rescued, slow. */
  versions: Map<string, number[]>
  /** Requests, failures, slow. */
  endpoints: Map<string, number[]>
}

export interface Judged {
  all: number
  errors: number
  slow: number
}

export function rowsByService(rows: readonly TickRow[]): Map<string, TickRow[]> {
  const byService = new Map<string, TickRow[]>()
  for (const row of rows) {
    const same = byService.get(row.upstream)
    if (same) same.push(row)
    else byService.set(row.upstream, [row])
  }
  return byService
}

/**
 * Adds a tick's rows to the windows, fuses, callers and traces of a service, and gives the sums. Unknown versions and endpoints count for
 * the service only.
 */
export function takeRows(service: ServiceState, rows: readonly TickRow[], nowMs: number): Tally {
  const tally: Tally = { versions: new Map(), endpoints: new Map() }
  const slowOverMs = service.settings.slo?.latency?.underMs ?? Number.POSITIVE_INFINITY
  const whole = [0, 0, 0]
  for (const row of rows) {
    const { http5xx, gateway, reset, timeout } = row.errors
    const failed = http5xx + gateway + reset + timeout
    // Whatever a row says, more than all requests cannot have failed: a share above 1 would poison every logarithm after it.
    const requests = Math.max(row.requests, failed + row.rescued)
    const slow = slowOverMs === Number.POSITIVE_INFINITY ? 0 : Math.min(requests, countSlower(row.sketch, slowOverMs))
    if (row.endpoint === '') {
      addInto(tally.versions, row.version, [requests, http5xx, gateway, reset, timeout, row.rescued, slow])
      addCounts(whole, [requests, failed, slow])
      noteTraces(service.versions.get(row.version), row.traces, nowMs)
      if (requests > 0) {
        noteCaller(service.callers, row.source, nowMs)
        service.lastRequestAtMs = nowMs
      }
    } else {
      addInto(tally.endpoints, row.endpoint, [requests, failed, slow])
      noteTraces(service.endpoints.get(row.endpoint), row.traces, nowMs)
    }
  }
  for (const [name, counts] of tally.versions) {
    const version = service.versions.get(name)
    if (version) addTo(version.window, counts, nowMs)
  }
  for (const [id, counts] of tally.endpoints) {
    const endpoint = service.endpoints.get(id)
    if (endpoint) addTo(endpoint.window, counts, nowMs)
  }
  if (whole[0]! > 0) addTo(service.window, whole, nowMs)
  takeFuses(service, rows, nowMs)
  return tally
}

/** A version's tick: all requests, failures (rescued ones are the version's, too), slow ones. */
export function versionTick(tally: Tally, name: string): Judged {
  const counts = tally.versions.get(name)
  if (!counts) return { all: 0, errors: 0, slow: 0 }
  return { all: counts[0]!, errors: failuresIn(counts), slow: counts[6]! }
}

export function endpointTick(tally: Tally, id: string): Judged {
  const counts = tally.endpoints.get(id)
  if (!counts) return { all: 0, errors: 0, slow: 0 }
  return { all: counts[0]!, errors: counts[1]!, slow: counts[2]! }
}

/** Failures out of a version's counts in the order of FIELDS. */
export function failuresIn(counts: readonly number[]): number {
  const [, http5xx, gateway, reset, timeout, rescued] = counts as [number, number, number, number, number, number]
  return failuresOf({ http5xx, gateway, reset, timeout, rescued })
}

/** The routes of one caller speak of the same proxies: the row that knows most stands for them. */
function takeFuses(service: ServiceState, rows: readonly TickRow[], nowMs: number): void {
  const told = new Map<string, Map<string, Fused>>()
  for (const row of rows) {
    if (row.endpoint === '' || row.knownBy === 0) continue
    const ofEndpoint = told.get(row.endpoint) ?? new Map<string, Fused>()
    told.set(row.endpoint, ofEndpoint)
    const known = ofEndpoint.get(row.source)
    ofEndpoint.set(row.source, {
      fusedBy: Math.max(known?.fusedBy ?? 0, row.fusedBy),
      knownBy: Math.max(known?.knownBy ?? 0, row.knownBy),
    })
  }
  for (const [id, sources] of told) {
    const fuses = service.endpoints.get(id)?.fuses
    if (fuses) for (const [source, fused] of sources) noteFused(fuses, source, fused, nowMs)
  }
}

const TRACES_MAX = 8
/** A list that got nothing for so long tells of another story: it starts anew. */
const TRACES_KEPT_MS = 60_000

function noteTraces(
  of: { traces: string[]; tracesAtMs: number } | undefined,
  traces: readonly string[],
  nowMs: number,
): void {
  if (!of || traces.length === 0) return
  const kept = nowMs - of.tracesAtMs > TRACES_KEPT_MS ? [] : of.traces.filter(id => !traces.includes(id))
  // Several proxies may have seen one trace.
  of.traces = [...new Set([...kept, ...traces])].slice(-TRACES_MAX)
  of.tracesAtMs = nowMs
}

function addInto(map: Map<string, number[]>, key: string, counts: number[]): void {
  const sums = map.get(key)
  if (sums) addCounts(sums, counts)
  else map.set(key, counts)
}

function addCounts(sums: number[], counts: readonly number[]): void {
  for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! + counts[i]!
}
