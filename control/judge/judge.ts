import type { DataState } from '../../protocol/decision.ts'
import type { Tick } from '../../protocol/tick.ts'
import { assess } from './assess.ts'
import { forgetGone, keepCapacity, refusalOfSettings, takeSettings } from './configure.ts'
import { dataOf, reportersOf } from './data-state.ts'
import { standingOf } from './describe.ts'
import { type Finding, listed } from './finding.ts'
import { type ManualAction, takeManual } from './manual.ts'
import { propose, type Turn, weightsIn } from './moves.ts'
import type { Proposal } from './proposal.ts'
import { type JudgeState, readState, saveState } from './saved.ts'
import { createService, healthsOf, type ServiceState, weightsOf } from './service.ts'
import { type JudgeSettings, judgeDefaults, type ServiceSettings } from './settings.ts'
import type { Standing } from './standing.ts'
import { rowsByService, takeRows } from './tally.ts'

export type JudgeInput =
  /** One line of the live stream; of several collectors, merged. */
  | { kind: 'tick'; tick: Tick }
  /** Nothing came: time went on. To be given a few times a second while no tick arrives. */
  | { kind: 'silence' }
  /** A service is there, or its settings, versions or endpoints changed. `actor`: `file`, or `person:<name>`. */
  | { kind: 'service'; settings: ServiceSettings; actor: string }
  | { kind: 'gone'; service: string }
  | { kind: 'manual'; action: ManualAction; actor: string; reason: string }

export interface JudgeOutput {
  /** Decisions to be written, in order. */
  proposals: Proposal[]
  /** Services whose weights or healths in force changed: to be published. */
  changed: string[]
  /** Why an input was not taken (an unknown service, a weight below 0). */
  refused?: string
}

/** Pure: no clock, no IO. `nowMs` is monotonic and never goes back. The same inputs give the same outputs. */
export interface Judge {
  take(input: JudgeInput, nowMs: number): JudgeOutput
  standing(service: string): Standing | undefined
  services(): string[]
  /** Of the whole mesh: dark when no tick arrives. */
  data(): DataState
  /** Everything it knows as JSON text, to go on from after a restart. */
  save(): string
}

/** Where a judge goes on: what `save` gave, the monotonic time now, and how long control was away as far as it can be told. */
export interface Resumed {
  text: string
  nowMs: number
  awayMs: number
}

/** Makes the judge. `resumed` of another make throws; start without it then. */
export function createJudge(chosen: Partial<JudgeSettings> = {}, resumed?: Resumed): Judge {
  const settings: JudgeSettings = { ...judgeDefaults, ...chosen }
  const state = resumed ? readState(resumed.text) : undefined
  // The judge's time goes on where it stopped, whatever the machine's monotonic clock has become.
  let offsetMs = state && resumed ? state.nowMs + resumed.awayMs - resumed.nowMs : undefined
  const judge: JudgeState = state ?? { services: new Map(), nowMs: START_MS, lastTickAtMs: START_MS, dark: false }
  if (state && resumed) judge.nowMs = judge.lastTickAtMs = state.nowMs + resumed.awayMs

  return {
    take(input, nowMs) {
      offsetMs ??= START_MS - nowMs
      judge.nowMs = Math.max(judge.nowMs, nowMs + offsetMs)
      return takeInput(judge, settings, input)
    },
    standing(name) {
      const service = judge.services.get(name)
      return service && standingOf(service, settings, judge.nowMs)
    },
    services: () => [...judge.services.keys()],
    data: () =>
      judge.dark ? 'dark' : [...judge.services.values()].some(({ data }) => data === 'traffic') ? 'traffic' : 'idle',
    save: () => saveState(judge),
  }
}

/** Judge time starts here: no slot of a ring is negative, and a time of 0 is long ago. */
const START_MS = 86_400_000

function takeInput(judge: JudgeState, settings: JudgeSettings, input: JudgeInput): JudgeOutput {
  const output: JudgeOutput = { proposals: [], changed: [] }
  takeSilence(judge, settings, output, input.kind === 'tick')
  if (input.kind === 'tick') takeTick(judge, settings, input.tick, output)
  else if (input.kind === 'gone') judge.services.delete(input.service)
  else if (input.kind === 'service') takeService(judge, settings, input, output)
  else if (input.kind === 'manual') takePerson(judge, settings, input, output)
  return output
}

/** No tick for too long: dark, for every service at once. The first tick after it thaws. */
function takeSilence(judge: JudgeState, settings: JudgeSettings, output: JudgeOutput, tick: boolean): void {
  const silentMs = judge.nowMs - judge.lastTickAtMs
  if (tick) judge.lastTickAtMs = judge.nowMs
  const dark = !tick && silentMs > settings.darkAfterMs
  if (dark === judge.dark || (!dark && !tick)) return
  judge.dark = dark
  if (dark) for (const service of judge.services.values()) service.data = 'dark'
  const seconds = (silentMs / 1000).toFixed(1)
  output.proposals.push({
    service: '*',
    action: dark ? 'freeze' : 'thaw',
    from: dark ? 'judging' : 'frozen',
    to: dark ? 'frozen' : 'judging',
    reason: dark
      ? `no traffic report for ${seconds} s (limit ${settings.darkAfterMs / 1000} s): all weights stay as they are; is the collector running?`
      : `traffic reports are back after ${seconds} s: judging goes on`,
    metric: 'silence',
    observed: silentMs,
    threshold: settings.darkAfterMs,
    evidence: { services: judge.services.size },
    windowMs: silentMs,
    data: dark ? 'dark' : 'idle',
    actor: 'judge',
    dryRun: false,
    traces: [],
  })
}

function takeTick(judge: JudgeState, settings: JudgeSettings, tick: Tick, output: JudgeOutput): void {
  const rows = rowsByService(tick.rows)
  const reporters = reportersOf(tick)
  const { nowMs } = judge
  for (const service of judge.services.values())
    inTurn(judge, settings, service, output, turn => {
      const tally = takeRows(service, rows.get(service.settings.service) ?? [], nowMs)
      const { idleAfterMs } = settings
      const seen = dataOf(service.callers, reporters, { lastRequestAtMs: service.lastRequestAtMs, idleAfterMs, nowMs })
      takeDataState(turn, seen.data, seen.missing)
      forgetGone(service, settings, nowMs)
      if (service.data !== 'dark') assess(turn, tally)
    })
}

/** Says when a service goes dark (its callers' proxies are silent, though the collector is not) and when it is over. */
function takeDataState(turn: Turn, data: DataState, missing: string[]): void {
  const { service } = turn
  const before = service.data
  service.data = data
  service.missing = missing
  // A service that is dark with the whole mesh comes back with it, without a word of its own.
  const said = service.frozenAlone
  if (data === 'dark' && before !== 'dark' && !said) sayData(turn, true)
  else if (data !== 'dark' && said) sayData(turn, false)
}

function sayData(turn: Turn, dark: boolean): void {
  const { service, settings } = turn
  service.frozenAlone = dark
  const weights = weightsIn(service)
  const finding: Finding = {
    reason: dark
      ? `every proxy that calls ${service.settings.service} is silent (${listed(service.missing)}): its weights stay as they are`
      : `callers of ${service.settings.service} report again: judging goes on`,
    metric: 'silence',
    observed: service.missing.length,
    threshold: 0,
    evidence: {},
    windowMs: settings.darkAfterMs,
    traces: [],
  }
  propose(turn, { action: dark ? 'freeze' : 'thaw', from: weights, to: weights }, finding)
}

function takeService(
  judge: JudgeState,
  settings: JudgeSettings,
  { settings: asked, actor }: Extract<JudgeInput, { kind: 'service' }>,
  output: JudgeOutput,
): void {
  const known = judge.services.get(asked.service)
  const refused =
    refusalOfSettings(asked, settings) ??
    (known || judge.services.size < settings.servicesMax
      ? undefined
      : `${asked.service} is not judged: ${settings.servicesMax} services are the limit`)
  if (refused !== undefined) {
    output.refused = refused
    return
  }
  const service = known ?? createService(asked, judge.nowMs)
  if (!known && judge.dark) service.data = 'dark'
  judge.services.set(asked.service, service)
  inTurn(judge, settings, service, output, turn => takeSettings(turn, asked, actor, !known))
}

function takePerson(
  judge: JudgeState,
  settings: JudgeSettings,
  { action, actor, reason }: Extract<JudgeInput, { kind: 'manual' }>,
  output: JudgeOutput,
): void {
  const service = judge.services.get(action.service)
  if (!service) {
    output.refused = `there is no service ${action.service}; there are ${listed([...judge.services.keys()]) || 'none'}`
    return
  }
  inTurn(judge, settings, service, output, turn => {
    const refused = takeManual(turn, action, actor, reason)
    if (refused === undefined) keepCapacity(turn)
    else output.refused = refused
  })
}

/** One service's turn, and whether anything in force changed by it. */
function inTurn(
  judge: JudgeState,
  settings: JudgeSettings,
  service: ServiceState,
  output: JudgeOutput,
  take: (turn: Turn) => void,
): void {
  const weights = weightsOf(service)
  const healths = healthsOf(service)
  take({ service, settings, nowMs: judge.nowMs, proposals: output.proposals })
  if (!sameEntries(weights, weightsOf(service)) || !sameEntries(healths, healthsOf(service)))
    output.changed.push(service.settings.service)
}

function sameEntries<V>(a: ReadonlyMap<string, V>, b: ReadonlyMap<string, V>): boolean {
  if (a.size !== b.size) return false
  for (const [key, value] of a) if (b.get(key) !== value) return false
  return true
}
