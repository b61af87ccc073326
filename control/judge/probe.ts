import { restOf } from './compare.ts'
import { short } from './finding.ts'
import { fusedByMost, fusedOf } from './fuse.ts'
import { eject, propose, type Turn } from './moves.ts'
import { createPassing, likelihoodOf, type Passing, passingSettings, stepPassing, verdictOf } from './passing.ts'
import { type EndpointState, presentEndpoints } from './service.ts'
import { endpointTick, type Judged, type Tally } from './tally.ts'

/** The way back of an endpoint: after its time out it is probed by a trickle, and healthy once that went well; or out again, for longer. */
export function takeProbes(turn: Turn, tally: Tally): void {
  for (const [id, endpoint] of presentEndpoints(turn.service)) {
    if (endpoint.health.at === 'ejected') startProbe(turn, id, endpoint)
    else if (endpoint.health.at === 'probing') goOnProbing(turn, id, endpoint, endpointTick(tally, id))
  }
}

function startProbe(turn: Turn, id: string, endpoint: EndpointState): void {
  const { service, nowMs } = turn
  const { health } = endpoint
  if (health.at !== 'ejected' || health.manual || nowMs < health.untilMs) return
  endpoint.health = { at: 'probing', errors: createPassing(), slow: createPassing() }
  const ejectedMs = Math.min(
    (service.settings.outlier?.baseEjectionMs ?? 0) * endpoint.ejections,
    service.settings.outlier?.maxEjectionMs ?? 0,
  )
  propose(
    turn,
    { action: 'probe', version: endpoint.version, endpoint: id, from: 'ejected', to: 'probing' },
    {
      reason: `${id} was out for ${short(ejectedMs / 1000)} s: it gets a trickle, to show itself`,
      metric: 'ejection time',
      observed: ejectedMs,
      threshold: ejectedMs,
      evidence: { 'ejections in a row': endpoint.ejections },
      windowMs: ejectedMs,
      traces: [],
    },
  )
}

const REST_MS = 10_000

function goOnProbing(turn: Turn, id: string, endpoint: EndpointState, tick: Judged): void {
  const { service, settings, nowMs } = turn
  const { health } = endpoint
  if (health.at !== 'probing' || tick.all === 0) return
  const rules = passingSettings(settings)
  for (const [passing, bad, field] of [
    [health.errors, tick.errors, 1],
    [health.slow, tick.slow, 2],
  ] as [Passing, number, 1 | 2][]) {
    const rest = restOf(service, [id], nowMs, REST_MS, field)
    stepPassing(passing, { bad, all: tick.all }, (rest.bad + 0.5) / (rest.all + 50), rules)
  }
  const verdicts = [verdictOf(health.errors, rules), verdictOf(health.slow, rules)]
  const fusedAgain = health.errors.ln < 0 && fusedByMost(fusedOf(endpoint.fuses, nowMs))
  const worse = health.errors.ln <= health.slow.ln ? health.errors : health.slow
  const evidence = { bad: worse.bad, requests: worse.all, 'likelihood ratio': likelihoodOf(worse) }
  const finding = { metric: 'return', evidence, windowMs: 0, traces: [] }
  if (verdicts.includes('failed') || fusedAgain) {
    const reason = `${id} was bad ${worse.bad} times in ${worse.all} while it was probed: it stays out for longer`
    eject(turn, id, {
      ...finding,
      traces: endpoint.traces,
      reason,
      observed: Math.exp(-worse.ln),
      threshold: settings.relapseEvidence,
    })
  } else if (verdicts.every(verdict => verdict === 'passed') && !service.common) {
    endpoint.health = { at: 'healthy' }
    endpoint.healthySinceMs = nowMs
    const reason = `${id} was bad ${worse.bad} times in ${worse.all} while it was probed, no more than the others: it is back`
    const subject = {
      action: 'restore',
      version: endpoint.version,
      endpoint: id,
      from: 'probing',
      to: 'healthy',
    } as const
    propose(turn, subject, { ...finding, reason, observed: likelihoodOf(worse), threshold: settings.returnEvidence })
  }
}
