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
  /** The log says that this service is frozen while the rest of the mesh is not. */
  frozenAlone: boolean
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
  /** Failures since its last good request. */
  run: { failures: number; sinceMs: number }
  stage: Stage
  /** How long it was last held; the next time is longer when it relapses. */
  holdMs: number
  /** A weight that a person set, in place of the file's. */
  setWeight: number | undefined
  /** A weight that the judge may not touch. */
  pinned: number | undefined
  /** No alarm before this: after a host of it left, what was under way may still fail. */
  quietUntilMs: number
  /** Trace ids of failed or slow requests, the newest last, and when the last one came. */
  traces: string[]
  tracesAtMs: number
  /** When neither file nor catalog named it any more; undefined while one does. */
  goneAtMs: number | undefined
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
  tracesAtMs: number
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
    frozenAlone: false,
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
    run: { failures: 0, sinceMs: nowMs },
    stage: { at: 'full', sinceMs: nowMs },
    holdMs: 0,
    setWeight: undefined,
    pinned: undefined,
    quietUntilMs: 0,
    traces: [],
    tracesAtMs: 0,
    goneAtMs: undefined,
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
    tracesAtMs: 0,
    goneAtMs: undefined,
  }
}

/** What the file or a person asks for. */
export function askedWeight(service: ServiceState, name: string): number {
  return service.versions.get(name)?.setWeight ?? service.settings.versions.get(name) ?? 0
}

/** The weight in force. */
export function weightOf(service: ServiceState, name: string): number {
  const version = service.versions.get(name)
  if (!version || version.goneAtMs !== undefined) return 0
  return version.pinned ?? askedWeight(service, name) * factorOf(version.stage)
}

export function factorOf(stage: Stage): number {
  if (stage.at === 'full') return 1
  return stage.at === 'held' ? 0 : stage.factor
}

/** Weights in force of the versions that there are. */
export function weightsOf(service: ServiceState): Map<string, number> {
  return new Map(presentVersions(service).map(([name]) => [name, weightOf(service, name)]))
}

export function presentVersions(service: ServiceState): [name: string, version: VersionState][] {
  return [...service.versions].filter(([, version]) => version.goneAtMs === undefined)
}

/** Versions that take part in judgement: present, and not held at weight 0. */
export function playingVersions(service: ServiceState): [name: string, version: VersionState][] {
  return presentVersions(service).filter(([, { stage, pinned }]) => stage.at !== 'held' || pinned !== undefined)
}

/** Endpoints that are registered now. */
export function presentEndpoints(service: ServiceState): [id: string, endpoint: EndpointState][] {
  return [...service.endpoints].filter(([, endpoint]) => endpoint.goneAtMs === undefined)
}

/** Registered endpoints of a version. */
export function endpointsOf(service: ServiceState, version: string): [id: string, endpoint: EndpointState][] {
  return presentEndpoints(service).filter(([, endpoint]) => endpoint.version === version)
}

/** Health in force of what is registered. */
export function healthsOf(service: ServiceState): Map<string, EndpointHealth> {
  return new Map(presentEndpoints(service).map(([id, endpoint]) => [id, endpoint.health.at]))
}

/** Whether it can carry requests: a weight, and an endpoint that is not ejected. */
export function hasCapacity(service: ServiceState, version: string): boolean {
  if (weightOf(service, version) <= 0) return false
  return endpointsOf(service, version).some(([, endpoint]) => endpoint.health.at !== 'ejected')
}

/** The share of good requests that each kind is held to; undefined: not judged. */
export function targetOf(service: ServiceState, kind: Kind, settings: JudgeSettings): number | undefined {
  const { slo } = service.settings
  return kind === 'slow' ? slo?.latency?.share : (slo?.availability ?? settings.availabilityDefault)
}
