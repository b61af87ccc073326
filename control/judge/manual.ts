import type { Finding } from './finding.ts'
import { propose, quieten, type Turn, weightsIn } from './moves.ts'
import { resetTest } from './sequential.ts'
import { type EndpointState, type VersionState, weightOf } from './service.ts'

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

export const WEIGHT_MAX = 1e6

/** Does what a person asks for; gives back why not, when it cannot be done. `why` is the person's reason, for the log. */
export function takeManual(turn: Turn, action: ManualAction, actor: string, why: string): string | undefined {
  const name = turn.service.settings.service
  if (action.do === 'eject' || action.do === 'uneject') {
    const endpoint = turn.service.endpoints.get(action.endpoint)
    if (!endpoint || endpoint.goneAtMs !== undefined) {
      const known = [...turn.service.endpoints.keys()].slice(0, 10).join(', ') || 'none'
      return `${name} has no endpoint ${action.endpoint}; it has ${known}`
    }
    moveEndpoint(turn, action.endpoint, endpoint, action.do, actor, why)
    return undefined
  }
  const version = turn.service.versions.get(action.version)
  if (!version || version.goneAtMs !== undefined) {
    const known = [...turn.service.versions.keys()].slice(0, 10).join(', ') || 'none'
    return `${name} has no version ${action.version}; it has ${known}`
  }
  const weight = action.do === 'unpin' ? undefined : action.weight
  if (weight !== undefined && !(weight >= 0 && weight <= WEIGHT_MAX))
    return `weight ${weight} is not between 0 and ${WEIGHT_MAX}`
  moveVersion(turn, action.version, version, action, actor, why)
  return undefined
}

function moveVersion(
  turn: Turn,
  name: string,
  version: VersionState,
  action: Extract<ManualAction, { version: string }>,
  actor: string,
  why: string,
): void {
  const { service, nowMs } = turn
  const from = weightsIn(service)
  if (action.do === 'pin') version.pinned = action.weight ?? weightOf(service, name)
  else {
    version.pinned = undefined
    version.setWeight = action.do === 'set-weight' ? action.weight : undefined
    version.stage = { at: 'full', sinceMs: nowMs }
    version.holdMs = 0
  }
  quieten(version, 0, nowMs)
  version.quietUntilMs = nowMs
  const subject = { action: 'manual', version: name, from, to: weightsIn(service), actor } as const
  propose(turn, subject, findingOf(weightOf(service, name), action.do, why))
}

function moveEndpoint(
  turn: Turn,
  id: string,
  endpoint: EndpointState,
  what: 'eject' | 'uneject',
  actor: string,
  why: string,
): void {
  const from = endpoint.health.at
  endpoint.health = what === 'eject' ? { at: 'ejected', untilMs: turn.nowMs, manual: true } : { at: 'healthy' }
  if (what === 'uneject') {
    endpoint.healthySinceMs = turn.nowMs
    endpoint.ejections = 0
  }
  resetTest(endpoint.errors, turn.nowMs)
  resetTest(endpoint.slow, turn.nowMs)
  const subject = {
    action: 'manual',
    version: endpoint.version,
    endpoint: id,
    from,
    to: endpoint.health.at,
    actor,
  } as const
  propose(turn, subject, findingOf(what === 'eject' ? 0 : 1, what, why))
}

function findingOf(observed: number, what: string, why: string): Finding {
  const reason = why === '' ? `${what}, no reason given` : why
  return { reason, metric: 'manual', observed, threshold: 0, evidence: { did: what }, windowMs: 0, traces: [] }
}
