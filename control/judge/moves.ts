import type { DataState, DecisionAction } from '../../protocol/decision.ts'
import { type Finding, listed } from './finding.ts'
import type { Proposal } from './proposal.ts'
import { resetTest } from './sequential.ts'
import {
  endpointsOf,
  factorOf,
  hasCapacity,
  presentEndpoints,
  type ServiceState,
  type VersionState,
  weightsOf,
} from './service.ts'
import type { JudgeSettings } from './settings.ts'

/** One service's turn within one input: what moves read and write. */
export interface Turn {
  service: ServiceState
  settings: JudgeSettings
  nowMs: number
  proposals: Proposal[]
}

export interface Subject {
  action: DecisionAction
  version?: string
  endpoint?: string
  from: unknown
  to: unknown
  actor?: string
  dryRun?: boolean
  data?: DataState
}

/** Writes a decision down. Reporters that were silent are named in its evidence: it was judged without them. */
export function propose({ service, proposals }: Turn, subject: Subject, finding: Finding): void {
  const { action, version, endpoint, from, to, actor = 'judge', dryRun = false, data = service.data } = subject
  const missing = service.missing.length > 0 ? { 'missing reporters': listed(service.missing) } : {}
  proposals.push({
    service: service.settings.service,
    ...(version !== undefined && { version }),
    ...(endpoint !== undefined && { endpoint }),
    action,
    from,
    to,
    reason: finding.reason,
    metric: finding.metric,
    observed: finding.observed,
    threshold: finding.threshold,
    evidence: { ...finding.evidence, ...missing },
    windowMs: finding.windowMs,
    data,
    actor,
    dryRun,
    traces: [...finding.traces],
  })
}

export function weightsIn(service: ServiceState): Record<string, number> {
  return Object.fromEntries(weightsOf(service))
}

/**
 * Whether another version could carry what this one leaves: one with capacity that is trusted at least as far. A trickle that is given to
 * a version on probation is no place to send everybody to, however bad the one is that carries the rest.
 */
export function othersHaveCapacity(service: ServiceState, name: string): boolean {
  const trust = trustIn(service.versions.get(name))
  return [...service.versions].some(
    ([other, version]) => other !== name && hasCapacity(service, other) && trustIn(version) >= trust,
  )
}

/** 1: stands in full, or a person answers for it; less: on its way back; 0: held. */
function trustIn(version: VersionState | undefined): number {
  if (version === undefined) return 0
  return version.pinned === undefined ? factorOf(version.stage) : 1
}

/**
 * Takes a version's weight to 0 for its hold time; longer when it relapses. Refused (false) when nobody else could carry its requests,
 * when a person pinned it, or when the judge may not move weights here. In dry-run the decision is written and nothing moves.
 */
export function shiftAway(turn: Turn, name: string, finding: Finding): boolean {
  const { service, settings, nowMs } = turn
  const version = service.versions.get(name)
  const { mode, holdForMs } = service.settings.shift
  if (!version || version.pinned !== undefined || mode === 'off' || !othersHaveCapacity(service, name)) return false
  quieten(version, 0, nowMs)
  const from = weightsIn(service)
  if (mode === 'dry-run') {
    version.quietUntilMs = nowMs + holdForMs
    propose(turn, { action: 'shift', version: name, from, to: { ...from, [name]: 0 }, dryRun: true }, finding)
    return true
  }
  const { stage, holdMs } = version
  const relapsed = stage.at === 'returning' || (stage.at === 'full' && nowMs - stage.sinceMs < settings.holdForMaxMs)
  version.holdMs = relapsed && holdMs > 0 ? Math.min(holdMs * 2, Math.max(settings.holdForMaxMs, holdForMs)) : holdForMs
  version.stage = { at: 'held', untilMs: nowMs + version.holdMs }
  for (const [, endpoint] of endpointsOf(service, name)) {
    resetTest(endpoint.errors, nowMs)
    resetTest(endpoint.slow, nowMs)
  }
  propose(turn, { action: 'shift', version: name, from, to: weightsIn(service) }, finding)
  return true
}

/** A healthy time of this long makes an ejection the first one again. */
const EJECTIONS_FORGOTTEN_MS = 600_000

/** One endpoint may always be out; further ones up to a share of the service; and something has to be left of the version. */
function mayLeave(service: ServiceState, id: string, version: string, maxEjected: number): boolean {
  const present = presentEndpoints(service)
  const out = present.filter(([, { health }]) => health.at !== 'healthy').length
  if (out + 1 > Math.max(1, Math.floor(maxEjected * present.length))) return false
  return endpointsOf(service, version).some(([other, { health }]) => other !== id && health.at === 'healthy')
}

/**
 * Takes an endpoint out for the whole fleet, longer each time in a row. Refused when ejection is off, when the service's share of ejected
 * endpoints is used up (one is always allowed), or when nothing would be left of its version or service.
 */
export function eject(turn: Turn, id: string, finding: Finding): 'ejected' | 'off' | 'limit' {
  const { service, nowMs, settings } = turn
  const endpoint = service.endpoints.get(id)
  const { outlier, shift } = service.settings
  if (!endpoint || !outlier) return 'off'
  if (endpoint.health.at === 'healthy' && !mayLeave(service, id, endpoint.version, outlier.maxEjected)) return 'limit'
  resetTest(endpoint.errors, nowMs)
  resetTest(endpoint.slow, nowMs)
  const from = endpoint.health.at
  const dryRun = shift.mode === 'dry-run'
  const forgotten = from === 'healthy' && nowMs - endpoint.healthySinceMs > EJECTIONS_FORGOTTEN_MS
  const ejections = forgotten ? 1 : endpoint.ejections + 1
  const ejectedMs = Math.min(outlier.baseEjectionMs * ejections, outlier.maxEjectionMs)
  if (dryRun) endpoint.quietUntilMs = nowMs + ejectedMs
  else {
    endpoint.ejections = ejections
    endpoint.health = { at: 'ejected', untilMs: nowMs + ejectedMs, manual: false }
    const version = service.versions.get(endpoint.version)
    if (version) quieten(version, nowMs + settings.settleMs, nowMs)
  }
  const evidence = { ...finding.evidence, 'ejected for ms': ejectedMs, 'ejections in a row': ejections }
  const subject: Subject = { action: 'eject', version: endpoint.version, endpoint: id, from, to: 'ejected', dryRun }
  propose(turn, subject, { ...finding, evidence })
  return 'ejected'
}

/** Forgets what a version was suspected of, and does not ask again before `untilMs`. */
export function quieten(version: VersionState, untilMs: number, nowMs: number): void {
  resetTest(version.errors, nowMs)
  resetTest(version.slow, nowMs)
  version.run = { failures: 0, sinceMs: nowMs }
  version.quietUntilMs = Math.max(version.quietUntilMs, untilMs)
}
