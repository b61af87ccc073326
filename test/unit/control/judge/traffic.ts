import { createJudge, type Judge, type JudgeInput, type JudgeOutput } from '../../../../control/judge/judge.ts'
import type { Proposal } from '../../../../control/judge/proposal.ts'
import type { JudgeSettings, ServiceSettings } from '../../../../control/judge/settings.ts'
import { bucketOf } from '../../../../protocol/sketch.ts'
import type { Reporter, Tick, TickRow } from '../../../../protocol/tick.ts'

/**
 * Generated traffic: callers (proxies with or without a local fuse), versions, endpoints, Poisson arrivals, seeded. What the judge decides
 * comes into force at the callers `delayTicks` later, as through a snapshot.
 */
export const TICK_MS = 250

export type Random = () => number

/** mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function poisson(mean: number, random: Random): number {
  if (mean > 60) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)))
  let product = random()
  let count = 0
  for (const limit = Math.exp(-mean); product > limit; count++) product *= random()
  return count
}

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** How an endpoint behaves: `version` and `endpoint` as named, `tick` counted from the start of the world. */
export type Behaviour = (version: string, endpoint: string, tick: number) => number

export interface WorldSettings {
  seed: number
  ratePerSecond: number | ((tick: number) => number)
  versions: Record<string, { weight: number; endpoints: number }>
  /** Proxies that call the service. */
  callers: number
  fuse: boolean
  /** Share of requests that fail. */
  failing: Behaviour
  /** Latency in ms; 20 unless said. */
  latencyMs?: Behaviour
  retries?: boolean
  delayTicks?: number
  settings?: Partial<ServiceSettings>
  judge?: Partial<JudgeSettings>
}

export const SERVICE = 'expense'
const FUSE = { maxFailures: 3, baseMs: 30_000, panicBelow: 0.5 }

export const shiftDefaults = {
  mode: 'automatic',
  holdForMs: 30_000,
  returnOverMs: 60_000,
  maxChangePerMinute: 1,
} as const

interface Force {
  weights: Map<string, number>
  health: Map<string, string>
}

const forceOf = (judge: Judge): Force => {
  const { weights, health } = judge.standing(SERVICE)!
  return { weights, health }
}

interface FuseState {
  consecutive: number
  untilMs: number
  trips: number
}

export interface World {
  judge: Judge
  readonly tick: number
  readonly nowMs: number
  /** Every proposal so far, with the tick it came in. */
  log: (Proposal & { tick: number })[]
  /** Failed requests as callers saw them, by version, and all requests. */
  failed: Map<string, number>
  requests: Map<string, number>
  /** Every input given to the judge, to be played again. */
  inputs: { input: JudgeInput; nowMs: number }[]
  /** Runs ticks, or until `until` says so; returns how many ran. */
  run(ticks: number, until?: () => boolean): number
  give(input: JudgeInput): JudgeOutput
  /** Makes a tick without giving it to the judge. */
  nextTick(): Tick
  /** Puts another judge (a restored one) in place. */
  replace(judge: Judge, nowMs: number): void
  settings: ServiceSettings
}

export function createWorld(world: WorldSettings): World {
  const random = seeded(world.seed)
  const endpoints = Object.entries(world.versions).flatMap(([version, { endpoints: count }]) =>
    Array.from({ length: count }, (_, i) => ({ id: `${SERVICE}-${version}-${i + 1}`, version })),
  )
  const settings: ServiceSettings = {
    service: SERVICE,
    versions: new Map(Object.entries(world.versions).map(([version, { weight }]) => [version, weight])),
    endpoints,
    shift: shiftDefaults,
    passiveHealthCheck: {
      intervalMs: 10_000,
      maxFailures: FUSE.maxFailures,
      baseEjectionMs: FUSE.baseMs,
      maxEjectionMs: 300_000,
      maxEjected: 0.5,
      panicBelow: FUSE.panicBelow,
    },
    outlier: { baseEjectionMs: 30_000, maxEjectionMs: 300_000, maxEjected: 0.5 },
    ...world.settings,
  }
  const callers = Array.from({ length: world.callers }, (_, i) => ({
    instance: `report-${i + 1}`,
    next: 0,
    fuses: new Map(endpoints.map(({ id }) => [id, { consecutive: 0, untilMs: 0, trips: 0 } as FuseState])),
  }))
  let judge = createJudge(world.judge)
  let tickNumber = 0
  /** The callers' clock never jumps; the judge's may, when another one takes over. */
  const callersNowMs = () => tickNumber * TICK_MS
  let offsetMs = 1_000_000
  const inForce: Force[] = []
  let latest: Force = { weights: new Map(), health: new Map() }
  const self: World = {
    get judge() {
      return judge
    },
    get tick() {
      return tickNumber
    },
    get nowMs() {
      return offsetMs + callersNowMs()
    },
    log: [],
    failed: new Map(),
    requests: new Map(),
    inputs: [],
    settings,
    run(ticks, until) {
      for (let i = 0; i < ticks; i++) {
        self.give({ kind: 'tick', tick: self.nextTick() })
        if (until?.()) return i + 1
      }
      return ticks
    },
    give(input) {
      self.inputs.push({ input, nowMs: self.nowMs })
      const output = judge.take(input, self.nowMs)
      if (output.changed.includes(SERVICE)) latest = forceOf(judge)
      for (const proposal of output.proposals) self.log.push({ ...proposal, tick: tickNumber })
      return output
    },
    nextTick() {
      tickNumber++
      inForce.push(latest)
      if (inForce.length > (world.delayTicks ?? 1) + 1) inForce.shift()
      return tickOf()
    },
    replace(other, nowMs) {
      judge = other
      latest = forceOf(other)
      offsetMs = nowMs - callersNowMs()
    },
  }

  const tickOf = (): Tick => {
    const { weights, health } = inForce[0]!
    const rows = new Map<string, TickRow>()
    const rate = typeof world.ratePerSecond === 'number' ? world.ratePerSecond : world.ratePerSecond(tickNumber)
    const count = poisson((rate * TICK_MS) / 1000, random)
    for (let i = 0; i < count; i++) request(rows, weights, health, callers[Math.floor(random() * callers.length)]!)
    for (const { id, version } of endpoints) {
      const fusedBy = callers.filter(({ fuses }) => fuses.get(id)!.untilMs > callersNowMs()).length
      if (fusedBy > 0 || rows.has(`${version}/${id}`)) {
        const row = rowOf(rows, version, id)
        row.fusedBy = fusedBy
        row.knownBy = callers.length
      }
    }
    const reporters = callers.map(({ instance }) => reporterOf(instance))
    return {
      seq: tickNumber,
      time: '2026-01-01T00:00:00.000Z',
      intervalMs: TICK_MS,
      rows: [...rows.values()],
      reporters,
      missing: [],
    }
  }

  const request = (
    rows: Map<string, TickRow>,
    weights: Map<string, number>,
    health: Map<string, string>,
    caller: (typeof callers)[number],
  ) => {
    const usable = endpoints.filter(({ id }) => health.get(id) !== 'ejected')
    const open = usable.filter(({ id }) => !world.fuse || caller.fuses.get(id)!.untilMs <= callersNowMs())
    const calm = open.length >= FUSE.panicBelow * endpoints.length ? open : usable
    const version = pickVersion(weights, calm, random)
    if (version === undefined) return
    const row = rowOf(rows, version, '')
    row.requests++
    count(self.requests, version)
    const first = attempt(rows, version, pickEndpoint(calm, version, health, caller, random), caller)
    let { failed, ms } = first
    if (failed && world.retries) {
      row.retries++
      const again = attempt(rows, version, pickEndpoint(calm, version, health, caller, random), caller)
      failed = again.failed
      ms += again.ms
      if (!failed) row.rescued++
    }
    noteOutcome(row, failed, ms, `${tickNumber}`.padStart(32, '0'))
    if (failed) count(self.failed, version)
  }

  const attempt = (rows: Map<string, TickRow>, version: string, id: string, caller: (typeof callers)[number]) => {
    const failed = random() < world.failing(version, id, tickNumber)
    const ms = world.latencyMs?.(version, id, tickNumber) ?? 20
    const row = rowOf(rows, version, id)
    row.requests++
    noteOutcome(row, failed, ms, `${tickNumber}`.padStart(32, '0'))
    if (world.fuse) blow(caller.fuses.get(id)!, failed, callersNowMs())
    return { failed, ms }
  }
  self.give({ kind: 'service', settings, actor: 'file' })
  return self
}

/** Consecutive failures open it, longer each time; after that one more failure suffices. */
function blow(fuse: FuseState, failed: boolean, nowMs: number): void {
  if (!failed) {
    fuse.consecutive = 0
    fuse.trips = Math.max(0, fuse.trips - 1)
    return
  }
  if (++fuse.consecutive < FUSE.maxFailures) return
  fuse.trips++
  fuse.untilMs = nowMs + Math.min(300_000, FUSE.baseMs * fuse.trips)
  fuse.consecutive = FUSE.maxFailures - 1
}

function pickVersion(
  weights: Map<string, number>,
  usable: readonly { version: string }[],
  random: Random,
): string | undefined {
  const able = [...weights].filter(([name, weight]) => weight > 0 && usable.some(({ version }) => version === name))
  let left = random() * able.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [name, weight] of able) {
    left -= weight
    if (left < 0) return name
  }
  return able.at(-1)?.[0]
}

const PROBE_SHARE = 0.05

function pickEndpoint(
  usable: readonly { id: string; version: string }[],
  version: string,
  health: Map<string, string>,
  caller: { next: number },
  random: Random,
): string {
  const own = usable.filter(each => each.version === version)
  const healthy = own.filter(({ id }) => health.get(id) !== 'probing')
  const probing = own.filter(({ id }) => health.get(id) === 'probing')
  const from = probing.length > 0 && (healthy.length === 0 || random() < PROBE_SHARE) ? probing : healthy
  return from[caller.next++ % from.length]!.id
}

function rowOf(rows: Map<string, TickRow>, version: string, endpoint: string): TickRow {
  const key = `${version}/${endpoint}`
  const known = rows.get(key)
  if (known) return known
  const row = emptyRow(version, endpoint)
  rows.set(key, row)
  return row
}

export function emptyRow(version: string, endpoint: string): TickRow {
  return {
    source: 'report',
    upstream: SERVICE,
    version,
    endpoint,
    route: '',
    requests: 0,
    ok: 0,
    errors: { http5xx: 0, gateway: 0, reset: 0, timeout: 0 },
    clientErrors: 0,
    retries: 0,
    rescued: 0,
    inFlight: 0,
    fusedBy: 0,
    knownBy: 0,
    sketch: [],
    traces: [],
  }
}

function noteOutcome(row: TickRow, failed: boolean, ms: number, trace: string): void {
  if (failed) {
    row.errors.http5xx++
    if (row.traces.length < 8 && !row.traces.includes(trace)) row.traces.push(trace)
  } else row.ok++
  const bucket = bucketOf(ms * 1000)
  const at = row.sketch.findIndex((value, i) => i % 2 === 0 && value === bucket)
  if (at >= 0) row.sketch[at + 1]!++
  else row.sketch.push(bucket, 1)
}

export function reporterOf(instance: string, service = 'report'): Reporter {
  return { instance, service, version: 'v1', kind: 'sidecar', epoch: 1, silentMs: 0 }
}

function count(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1)
}
