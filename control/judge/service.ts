import type { DataState } from '../../protocol/decision.ts'
import type { EndpointHealth } from '../../protocol/snapshot.ts'
import type { FuseReports } from './fuse.ts'
import type { Passing } from './passing.ts'
import { createTest, type SequentialTest } from './sequential.ts'
import type { JudgeSettings, ServiceSettings } from './settings.ts'
import { endpointWindow, serviceWindow, versionWindow, type Window } from './windows.ts'

/** What the judge remembers of one service. Times are the judge's own (judge.ts), so that a restart does not bend them. */
export interface ServiceState {
  settings: ServiceSettings
  versions: Map<string, VersionState>
  endpoints: Map<string, EndpointState>
  window: Window
  /** Calling services, with the time of their last request. */
  callers: Map<string, number>
  lastRequestAtMs: number
  data: DataState
  missing: string[]
  /** A common cause was found and is not over. */
  common: { atMs: number; burningAtMs: number; kind: Kind } | undefined
  /** Weights that came back within the last minute, as shares of all of the service's weight. */
  regained: { atMs: number; share: number }[]
}

/** What a request can be bad by. */
export type Kind = 'errors' | 'slow'

export type Stage =
  | { at: 'full'; sinceMs: number }
  /** At weight 0 until `untilMs`. */
  | { at: 'held'; untilMs: number }
  /** On its way back, at `factor` of its own weight since `sinceMs`. */
  | {
      at: 'returning'
      factor: number
      sinceMs: number
      errors: Passing
      slow: Passing
      lastRequestAtMs: number
      /** Whether the log says already that nobody asks. */
      idleSaid: boolean
    }

export interface VersionState {
  window: Window
  errors: SequentialTest
  slow: SequentialTest
  stage: Stage
  /** How long it was last held; the next time is longer when it relapses. */
  holdMs: number
  /** A weight that a person set, in place of the file's. */
  setWeight: number | undefined
  /** A weight that the judge may not touch. */
  pinned: number | undefined
  /** No alarm before this: after a host of it left, what was under way may still fail. */
  quietUntilMs: number
  /** Trace ids of failed or slow requests, the newest last. */
  traces: string[]
}

export type Health =
  | { at: 'healthy' }
  | { at: 'ejected'; untilMs: number; manual: boolean }
  | { at: 'probing'; errors: Passing; slow: Passing }

export interface EndpointState {
  version: string
  window: Window
  errors: SequentialTest
  slow: SequentialTest
  health: Health
  /** Ejections in a row: each is longer than the one before. */
  ejections: number
  healthySinceMs: number
  fuses: FuseReports
  quietUntilMs: number
  traces: string[]
  /** When it left the catalog; undefined while it is there. */
  goneAtMs: number | undefined
}

export function createService(settings: ServiceSettings, nowMs: number): ServiceState {
  return {
    settings,
    versions: new Map(),
    endpoints: new Map(),
    window: serviceWindow(),
    callers: new Map(),
    lastRequestAtMs: nowMs,
    data: 'idle',
    missing: [],
    common: undefined,
    regained: [],
  }
}

export function createVersion(nowMs: number): VersionState {
  return {
    window: versionWindow(),
    errors: createTest(),
    slow: createTest(),
    stage: { at: 'full', sinceMs: nowMs },
    holdMs: 0,
    setWeight: undefined,
    pinned: undefined,
    quietUntilMs: 0,
    traces: [],
  }
}

export function createEndpoint(version: string, nowMs: number): EndpointState {
  return {
    version,
    window: endpointWindow(),
    errors: createTest(),
    slow: createTest(),
    health: { at: 'healthy' },
    ejections: 0,
    healthySinceMs: nowMs,
    fuses: new Map(),
    quietUntilMs: 0,
    traces: [],
    goneAtMs: undefined,
  }
}

/** What the file or a person asks for. */
export function askedWeight(service: ServiceState, name: string): number {
  return service.versions.get(name)?.setWeight ?? service.settings.versions.get(name) ?? 0
}

export function weightOf(service: ServiceState, name: string): number {
  const version = service.versions.get(name)
  if (!version) return 0
  return version.pinned ?? askedWeight(service, name) * factorOf(version.stage)
}

export function factorOf(stage: Stage): number {
  if (stage.at === 'full') return 1
  return stage.at === 'held' ? 0 : stage.factor
}

/** Weights in force. */
export function weightsOf(service: ServiceState): Map<string, number> {
  return new Map([...service.versions.keys()].map(name => [name, weightOf(service, name)]))
}

/** Endpoints of a version that are registered now. */
export function endpointsOf(service: ServiceState, version: string): [id: string, endpoint: EndpointState][] {
  return [...service.endpoints].filter(([, each]) => each.version === version && each.goneAtMs === undefined)
}

export function healthOf(endpoint: EndpointState): EndpointHealth {
  return endpoint.health.at
}

/** Health in force of what is registered. */
export function healthsOf(service: ServiceState): Map<string, EndpointHealth> {
  const healths = new Map<string, EndpointHealth>()
  for (const [id, endpoint] of service.endpoints)
    if (endpoint.goneAtMs === undefined) healths.set(id, healthOf(endpoint))
  return healths
}

/** Whether anything carries requests to it: a weight, and an endpoint that is not ejected. */
export function hasCapacity(service: ServiceState, version: string): boolean {
  if (weightOf(service, version) <= 0) return false
  return endpointsOf(service, version).some(([, endpoint]) => endpoint.health.at !== 'ejected')
}

/** What its budget is reckoned by, for each kind; undefined: not judged. */
export function targetOf(service: ServiceState, kind: Kind, settings: JudgeSettings): number | undefined {
  const { slo } = service.settings
  return kind === 'slow' ? slo?.latency?.share : (slo?.availability ?? settings.availabilityDefault)
}
