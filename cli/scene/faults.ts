import type { Status } from '../../control/api/status-schema.ts'
import type { Decision } from '../../protocol/decision.ts'
import type { Explanation } from '../../proxy/route/explain.ts'
import { AskError, getJson } from '../ask/client.ts'
import { type Stage, watchGateway } from './stage.ts'

const TOLD_MS = 15_000
const BACK_MS = 180_000
const PATH = '/api/report/expense/version'

/** expense v2 starts to fail on every host: its weight goes to 0 at every proxy, and comes back when it is well again. */
export async function badVersion(stage: Stage): Promise<void> {
  const hosts = stage.instancesOf('expense', 'v2')
  await needFull(stage, 'expense', 'v2')
  stage.say(
    `From now on every answer of expense v2 (${hosts.join(', ')}) is a 500. Watching ${PATH} through the gateway.`,
  )
  const watch = watchGateway(`${stage.mesh.urls['gateway']}${PATH}`, 20)
  const told = stage.decision(
    decision => decision.action === 'shift' && decision.service === 'expense' && decision.version === 'v2',
    TOLD_MS,
  )
  const startedMs = performance.now()
  await Promise.all(hosts.map(host => stage.fault(host, { errorRate: 1 })))
  try {
    const decision = await told
    const decidedMs = performance.now() - startedMs
    const callers = await stage.until(
      'weight 0 of expense v2 at every proxy that calls it',
      () => sharesAtProxies(stage),
      shares => shares.every(share => share === 0),
      TOLD_MS,
    )
    const everywhereMs = performance.now() - startedMs
    const { requests, failed } = await watch.stop()
    stage.say(
      `After ${seconds(decidedMs)} control decided; after ${seconds(everywhereMs)} all ${callers.length} proxies that call expense had it. ${failed} of ${requests} requests of this watch failed.`,
    )
    await explain(stage, decision)
  } finally {
    await watch.stop()
    await Promise.all(hosts.map(host => stage.fault(host, undefined)))
  }
  stage.say(
    'expense v2 answers well again. Policy: held at 0 for a while, then a trickle, then back step by step as the evidence allows ...',
  )
  const status = await stage.until(
    'full weight of expense v2',
    stage.status,
    status => stageOf(status, 'v2') === 'full',
    BACK_MS,
  )
  stage.say(
    `Back: expense v2 has weight ${weightOf(status, 'v2')} again, ${seconds(performance.now() - startedMs)} after the fault began.`,
  )
}

/** One host of expense v1 starts to fail: it is ejected, its version keeps its weight, and it comes back when it is well. */
export async function badHost(stage: Stage): Promise<void> {
  const host = stage.instancesOf('expense', 'v1')[0]!
  await needFull(stage, 'expense', 'v1')
  const before = weightOf(await stage.status(), 'v1')
  stage.say(
    `From now on every answer of ${host}, one of ${stage.instancesOf('expense', 'v1').length} hosts of expense v1, is a 500.`,
  )
  const told = stage.decision(decision => decision.action === 'eject' && decision.endpoint === host, TOLD_MS)
  const startedMs = performance.now()
  await stage.fault(host, { errorRate: 1 })
  try {
    const decision = await told
    const status = await stage.until(
      `${host} ejected`,
      stage.status,
      status => healthOf(status, host) === 'ejected',
      TOLD_MS,
    )
    stage.say(
      `After ${seconds(performance.now() - startedMs)} ${host} is out. Weight of expense v1: ${before} before, ${weightOf(status, 'v1')} now.`,
    )
    if (weightOf(status, 'v1') !== before)
      throw new AskError('the version lost weight for the sake of one host: that should not be')
    await explain(stage, decision)
  } finally {
    await stage.fault(host, undefined)
  }
  stage.say(`${host} answers well again. Policy: out for a while, then a trickle, then back ...`)
  await stage.until(`${host} healthy`, stage.status, status => healthOf(status, host) === 'healthy', BACK_MS)
  stage.say(`Back: ${host} takes requests again, ${seconds(performance.now() - startedMs)} after the fault began.`)
}

async function explain(stage: Stage, decision: Decision): Promise<void> {
  stage.say(`Why: ${decision.reason}`)
  stage.say(
    `  ${decision.metric}: observed ${Number(decision.observed.toPrecision(4))}, threshold ${Number(decision.threshold.toPrecision(4))}; data: ${decision.data}; by ${decision.actor}`,
  )
  stage.say(`  evidence: ${JSON.stringify(decision.evidence)}`)
  for (const traceId of decision.traces.slice(0, 3)) {
    const known = await stage.until(
      `trace ${traceId} at the collector`,
      () => stage.hasTrace(traceId),
      found => found,
      10_000,
    )
    if (known) stage.say(`  trace ${traceId}: ${stage.mesh.urls['collector']}/api/v2/trace/${traceId}`)
  }
}

async function needFull(stage: Stage, service: string, version: string): Promise<void> {
  const found = (await stage.status()).services
    .find(one => one.service === service)
    ?.versions.find(one => one.version === version)
  if (found === undefined)
    throw new AskError(`${service} ${version} is not there: this scene is played on the demo mesh (npm start)`)
  if (found.stage !== 'full')
    throw new AskError(`${service} ${version} is ${found.stage}: wait until it is back, then play this scene`)
}

/** The share of expense v2 as each proxy that calls expense sees it: asked of the proxies themselves. */
async function sharesAtProxies(stage: Stage): Promise<number[]> {
  const callers = stage.mesh.processes.filter(({ kind, service }) => kind === 'sidecar' && service === 'report')
  return Promise.all(
    callers.map(async ({ urls }) => {
      const explanation = await getJson<Explanation>(`${urls['admin']}/explain?method=GET&url=http://expense/api`)
      return explanation.status === 'routed' ? (explanation.versions['v2'] ?? 0) : 0
    }),
  )
}

const versionOf = (status: Status, version: string) =>
  status.services.find(({ service }) => service === 'expense')?.versions.find(one => one.version === version)
const weightOf = (status: Status, version: string): number | undefined => versionOf(status, version)?.weight
const stageOf = (status: Status, version: string): string | undefined => versionOf(status, version)?.stage
const healthOf = (status: Status, endpoint: string) =>
  status.services.flatMap(({ endpoints }) => endpoints).find(({ id }) => id === endpoint)?.health
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
