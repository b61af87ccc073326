import { type Finding, short } from './finding.ts'
import { wholeVersionFused } from './fuse-alarm.ts'
import { propose, shiftAway, type Turn, weightsIn } from './moves.ts'
import {
  createPassing,
  likelihoodOf,
  type PassingSettings,
  passingSettings,
  stepPassing,
  verdictOf,
} from './passing.ts'
import { restRateOf } from './sequential.ts'
import {
  askedWeight,
  endpointsOf,
  presentVersions,
  type ServiceState,
  type Stage,
  targetOf,
  type VersionState,
} from './service.ts'
import { type Judged, type Tally, versionTick } from './tally.ts'

/**
 * The way back of a version: leave fast, return slowly. Held at 0 it gets a trickle after its hold time and then more, step by step; each
 * step needs evidence of its own, no requests, no step. A relapse ends it at once, and the next hold is twice as long.
 */
export function takeReturns(turn: Turn, tally: Tally): void {
  for (const [name, version] of presentVersions(turn.service)) {
    if (version.pinned !== undefined || turn.service.settings.shift.mode !== 'automatic') continue
    if (version.stage.at === 'held') startReturn(turn, name, version)
    else if (version.stage.at === 'returning') goOn(turn, name, version, version.stage, versionTick(tally, name))
  }
}

function startReturn(turn: Turn, name: string, version: VersionState): void {
  const { service, nowMs } = turn
  if (version.stage.at !== 'held' || nowMs < version.stage.untilMs) return
  if (service.data !== 'traffic' || service.common || askedWeight(service, name) <= 0) return
  if (!endpointsOf(service, name).some(([, { health }]) => health.at !== 'ejected')) return
  const factor = nextFactor(turn, name, 0)
  if (factor <= 0) return
  const reason = `${name} was held at 0 for ${version.holdMs / 1000} s: it gets a trickle, to show itself`
  const evidence = { 'held for ms': version.holdMs, 'share of its weight': factor }
  const { holdMs } = version
  const finding = { metric: 'hold time', observed: holdMs, threshold: holdMs, evidence, windowMs: holdMs, traces: [] }
  advance(turn, name, version, factor, { ...finding, reason })
}

type Returning = Extract<Stage, { at: 'returning' }>

function goOn(turn: Turn, name: string, version: VersionState, stage: Returning, tick: Judged): void {
  const { service, settings, nowMs } = turn
  const rules = passingSettings(settings)
  if (tick.all > 0) {
    stage.lastRequestAtMs = nowMs
    if (stage.idleSaid) sayIdle(turn, name, stage, false)
    const { bad, all } = { bad: tick.errors, all: tick.all }
    stepPassing(stage.errors, { bad, all }, restRateOf(version.errors), rules)
    stepPassing(stage.slow, { bad: tick.slow, all }, restRateOf(version.slow), rules)
  }
  const finding = relapseOf(turn, name, stage, rules)
  if (finding) {
    shiftAway(turn, name, { ...finding, traces: version.traces })
    return
  }
  if (nowMs - stage.lastRequestAtMs > settings.returnIdleMs && !stage.idleSaid) sayIdle(turn, name, stage, true)
  if (service.data !== 'traffic' || service.common || tick.all === 0) return
  if (verdictOf(stage.errors, rules) !== 'passed' || verdictOf(stage.slow, rules) !== 'passed') return
  const factor = nextFactor(turn, name, stage.factor)
  if (factor <= stage.factor || nowMs - stage.sinceMs < (factor - stage.factor) * service.settings.shift.returnOverMs)
    return
  const { bad, all } = stage.errors
  const reason =
    `${name} failed ${bad} times in ${all} at ${short(stage.factor * 100)} % of its weight, no more than the others: ` +
    `on to ${short(factor * 100)} %`
  const evidence = { bad, requests: all, slow: stage.slow.bad, 'likelihood ratio': likelihoodOf(stage.errors) }
  const [observed, threshold, windowMs] = [likelihoodOf(stage.errors), settings.returnEvidence, nowMs - stage.sinceMs]
  advance(turn, name, version, factor, {
    reason,
    metric: 'return',
    observed,
    threshold,
    evidence,
    windowMs,
    traces: [],
  })
}

/** The next share of its own weight that a version may have: one step on, within what a minute may bring back. */
function nextFactor({ service, settings, nowMs }: Turn, name: string, factor: number): number {
  const next = settings.returnSteps.find(step => step > factor + 1e-9) ?? 1
  const own = askedShare(service, name)
  if (own <= 0) return next
  service.regained = service.regained.filter(({ atMs }) => nowMs - atMs < 60_000)
  const used = service.regained.reduce((sum, { share }) => sum + share, 0)
  const allowed = Math.max(0, service.settings.shift.maxChangePerMinute - used) / own
  // Crumbs are not worth a decision: a step is taken whole, or as a good part of what a minute allows.
  const most = Math.min(next, factor + allowed)
  const worthwhile = Math.min(next - factor, 0.5 * (service.settings.shift.maxChangePerMinute / own))
  return most - factor >= worthwhile - 1e-9 ? most : factor
}

/** A version's part of all weight that is asked for in its service. */
function askedShare(service: ServiceState, name: string): number {
  let whole = 0
  for (const [each] of presentVersions(service)) whole += askedWeight(service, each)
  return whole > 0 ? askedWeight(service, name) / whole : 0
}

function advance(turn: Turn, name: string, version: VersionState, factor: number, finding: Finding): void {
  const { service, settings, nowMs } = turn
  const from = weightsIn(service)
  const before = version.stage.at === 'returning' ? version.stage.factor : 0
  service.regained.push({ atMs: nowMs, share: (factor - before) * askedShare(service, name) })
  version.stage =
    factor >= 1
      ? { at: 'full', sinceMs: nowMs }
      : {
          at: 'returning',
          factor,
          sinceMs: nowMs,
          errors: createPassing(),
          slow: createPassing(),
          lastRequestAtMs: nowMs,
          idleSaid: false,
        }
  version.quietUntilMs = Math.max(version.quietUntilMs, nowMs + (before === 0 ? settings.settleMs : 0))
  propose(turn, { action: 'restore', version: name, from, to: weightsIn(service) }, finding)
}

/** Why a returning version has to go again: it is worse than the tolerance, or every proxy that tried it holds it out once more. */
function relapseOf(turn: Turn, name: string, stage: Returning, rules: PassingSettings): Finding | undefined {
  const { service, settings, nowMs } = turn
  const fused = wholeVersionFused(service, name, nowMs)
  const failed = verdictOf(stage.errors, rules) === 'failed'
  const slow = targetOf(service, 'slow', settings) !== undefined && verdictOf(stage.slow, rules) === 'failed'
  const refused = fused !== undefined && stage.errors.bad > 0 && stage.errors.ln < 0
  if (!failed && !slow && !refused) return undefined
  const passing = failed || refused ? stage.errors : stage.slow
  const what = failed || refused ? 'failed' : 'was too slow'
  const why = failed || slow ? '' : ', and the local fuses hold every endpoint of it out again'
  return {
    reason: `${name} ${what} ${passing.bad} times in ${passing.all} on its way back${why}: it leaves again, for longer`,
    metric: 'return',
    observed: Math.exp(-passing.ln),
    threshold: settings.relapseEvidence,
    evidence: { bad: passing.bad, requests: passing.all, 'likelihood ratio': Math.exp(-passing.ln) },
    windowMs: nowMs - stage.sinceMs,
    traces: [],
  }
}

/** The log says when a return waits because nobody asks, and when somebody does again. */
function sayIdle(turn: Turn, name: string, stage: Returning, idle: boolean): void {
  const { service, settings, nowMs } = turn
  const idleMs = nowMs - stage.lastRequestAtMs
  stage.idleSaid = idle
  const share = short(stage.factor * 100)
  const weights = weightsIn(service)
  propose(
    turn,
    { action: idle ? 'freeze' : 'thaw', version: name, from: weights, to: weights, data: idle ? 'idle' : service.data },
    {
      reason: idle
        ? `${name} got no request for ${short(idleMs / 1000)} s at ${share} % of its weight: it stays there until it has shown itself`
        : `${name} gets requests again at ${share} % of its weight: its return goes on`,
      metric: 'requests',
      observed: stage.errors.all,
      threshold: 1,
      evidence: { requests: stage.errors.all, 'share of its weight': stage.factor },
      windowMs: idle ? idleMs : settings.returnIdleMs,
      traces: [],
    },
  )
}
