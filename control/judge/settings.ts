import type { OutlierConfig, ShiftConfig, SloConfig } from '../../protocol/mesh-config/config.ts'
import type { PassiveHealthCheck } from '../../protocol/snapshot.ts'

/** What control knows of one service, as plain data; handed in again whenever any of it changes. */
export interface ServiceSettings {
  service: string
  /** Weights that the file asks for, by version: shares, need not add up to anything. */
  versions: ReadonlyMap<string, number>
  /** Instances that are registered now. An endpoint outside the mesh has its address as id. */
  endpoints: { id: string; version: string }[]
  slo?: SloConfig
  /** May the judge move weights and endpoints by itself. `off`: weights stay; endpoints may still be ejected. */
  shift: ShiftConfig
  /** The local fuse of the proxies; absent: they have none. */
  passiveHealthCheck?: PassiveHealthCheck
  /** Ejection for the whole fleet; absent: no endpoint is ever ejected by itself. */
  outlier?: OutlierConfig
}

/** What the judge may be tuned by. Times in milliseconds, shares 0..1. */
export interface JudgeSettings {
  /** Mean number of ticks (250 ms) between two false alarms of one version that is just as good. */
  falseAlarmTicks: number
  /** Evidence (natural logarithm of a likelihood ratio) that one tick may add to the test for errors. */
  tickEvidenceMax: number
  /** The same for slowness, which comes in bursts: one tick never suffices. */
  slowTickEvidenceMax: number
  /** Share of good requests that a service without an SLO is held to. */
  availabilityDefault: number
  /** No tick for this long: dark. */
  darkAfterMs: number
  /** No request for this long: idle. */
  idleAfterMs: number
  /** After a host has left, what was under way to it still fails: its version is not judged for this long. */
  settleMs: number
  /** With every relapse a version stays at weight 0 for twice as long, up to this. */
  holdForMaxMs: number
  /** Shares of its own weight through which a version comes back; rising, the last is 1. */
  returnSteps: number[]
  /** A returning version or endpoint may fail this share of requests more often than the others, no more. */
  returnTolerance: number
  /** Likelihood ratio (good : bad) that takes a return one step on. */
  returnEvidence: number
  /** Likelihood ratio (bad : good) that ends a return. */
  relapseEvidence: number
  /** A returning version that gets no request for this long is held, and the log says so. */
  returnIdleMs: number
  /** What left the catalog is remembered this long, so that a reconnect does not wipe an ejection. */
  forgetGoneMs: number
  servicesMax: number
  versionsMax: number
  endpointsMax: number
}

export const judgeDefaults: JudgeSettings = {
  falseAlarmTicks: 1e6,
  tickEvidenceMax: Math.log(1e8),
  slowTickEvidenceMax: Math.log(1e3),
  availabilityDefault: 0.999,
  darkAfterMs: 1500,
  idleAfterMs: 5000,
  settleMs: 1500,
  holdForMaxMs: 600_000,
  returnSteps: [0.05, 0.1, 0.25, 0.5, 1],
  returnTolerance: 0.1,
  returnEvidence: 20,
  relapseEvidence: 1000,
  returnIdleMs: 30_000,
  forgetGoneMs: 60_000,
  servicesMax: 5000,
  versionsMax: 32,
  endpointsMax: 2000,
}
