import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Decision } from '../protocol/decision.ts'
import type { Registration } from '../protocol/snapshot.ts'
import type { Log } from '../runtime/log.ts'

/** What happens in control, by name: each event is a metric, a log line, or both. */
export interface ControlEvents {
  registry: Registry
  decided(decision: Decision): void
  judged(step: { kind: string; tookMs: number; refused: string | undefined }): void
  judgeForgot(reason: string): void
  proxyJoined(registration: Registration, warning: string | undefined): void
  proxyRefused(reason: string): void
  proxyLeft(registration: Registration, why: 'grace-over' | 'said-goodbye'): void
  streamEnded(why: string): void
  epochRaised(epoch: number, seen: number): void
  meshLoaded(outcome: 'applied' | 'unchanged', warnings: readonly string[]): void
  meshRefused(problems: readonly string[]): void
  collectorConnected(url: string): void
  collectorLost(url: string, reason: string): void
  collectorReadable(url: string): void
  tickUnreadable(url: string, reason: string): void
  decisionsShipped(count: number): void
  decisionsNotShipped(reason: string): void
  decisionsUnshippable(count: number, reason: string): void
  stateNotWritten(reason: string): void
  stateWritten(): void
  followerCut(stream: string): void
  apiFailed(error: Error): void
}

export function controlEvents(log: Log): ControlEvents {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const count = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name: `trimtab_control_${name}`, help, labelNames, registers: [registry] })
  const steps = new Histogram({
    name: 'trimtab_control_judge_seconds',
    help: 'Time that the judge took for one step, by what it was asked',
    labelNames: ['kind'],
    buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.25],
    registers: [registry],
  })
  const refusals = count('judge_refusals_total', 'Inputs that the judge did not take', ['kind'])
  const decisions = count('decisions_total', 'Decisions, by service and action', ['service', 'action'])
  const registrations = count('registrations_total', 'Proxies that opened a snapshot stream', ['outcome'])
  const streamEnds = count('snapshot_streams_ended_total', 'Snapshot streams that ended, by why', ['why'])
  const reloads = count('mesh_reloads_total', 'Readings of the mesh file, by what became of them', ['outcome'])
  const lost = count('collector_losses_total', 'Times that a collector stream was lost')
  const ticksUnreadable = count('ticks_unreadable_total', 'Lines of a live stream that could not be read')
  const shipped = count('decisions_shipped_total', 'Decisions sent to the collector, by outcome', ['outcome'])
  const writeFailures = count('state_write_failures_total', 'Writes of the state that the disk refused')
  const followersCut = count('followers_cut_total', 'Readers of an API stream that fell too far behind', ['stream'])
  const apiFailures = count('api_failures_total', 'Requests to the API that ended in an error of control itself')
  let writing = true

  return {
    registry,
    decided(decision) {
      const { id, service, version, endpoint, action, reason, actor, dryRun } = decision
      decisions.inc({ service, action })
      const whose = endpoint ?? (version === undefined ? service : `${service} ${version}`)
      const level = action === 'freeze' ? 'warn' : 'info'
      log[level]({ decision: id, service, actor }, `${dryRun ? 'dry run, ' : ''}${action} ${whose}: ${reason}`)
    },
    judged({ kind, tookMs, refused }) {
      steps.observe({ kind }, tookMs / 1000)
      if (refused === undefined) return
      refusals.inc({ kind })
      log.warn({ kind }, `the judge does not take it: ${refused}`)
    },
    judgeForgot: reason =>
      log.error(`what was judged before cannot be read, weights begin as the mesh file has them: ${reason}`),
    proxyJoined({ instance, service, version }, warning) {
      registrations.inc({ outcome: warning === undefined ? 'accepted' : 'accepted-unknown-version' })
      log.debug({ instance, service, version }, 'proxy joined')
      if (warning !== undefined) log.warn({ instance, service, version }, warning)
    },
    proxyRefused(reason) {
      registrations.inc({ outcome: 'refused' })
      log.warn(`a proxy was refused: ${reason}`)
    },
    proxyLeft: ({ instance, service, version }, why) =>
      log.info(
        { instance, service, version },
        why === 'grace-over' ? 'proxy is gone: its stream did not come back' : 'proxy said goodbye',
      ),
    streamEnded(why) {
      streamEnds.inc({ why })
      if (why === 'slow-reader')
        log.warn('a proxy did not take its snapshot for too long: its stream was cut, it may come again')
    },
    epochRaised: (epoch, seen) =>
      log.warn(
        { epoch },
        `proxies have seen epoch ${seen}, higher than ours (was the state lost?): everything is sent anew above it`,
      ),
    meshLoaded(outcome, warnings) {
      reloads.inc({ outcome })
      if (outcome === 'applied') log.info('mesh file applied')
      for (const warning of warnings) log.warn(warning)
    },
    meshRefused(problems) {
      reloads.inc({ outcome: 'refused' })
      log.error({ problems: problems.length }, 'mesh file refused, the one before stays in force')
      for (const problem of problems) log.error(problem)
    },
    collectorConnected: url => log.info({ url }, 'collector connected'),
    collectorLost(url, reason) {
      lost.inc()
      log.warn({ url }, `no live traffic from the collector: ${reason}; it is tried again, and nothing moves meanwhile`)
    },
    collectorReadable: url =>
      log.warn(
        { url },
        'spans and reports travel to this collector in clear text: give it an identity (trimtab token create --collector, and --control of the collector), and write https here',
      ),
    tickUnreadable(url, reason) {
      ticksUnreadable.inc()
      log.warn({ url }, `unreadable line of live traffic left out: ${reason}`)
    },
    decisionsShipped: sent => shipped.inc({ outcome: 'sent' }, sent),
    decisionsNotShipped: reason => log.warn(`decisions wait for the collector: ${reason}`),
    decisionsUnshippable(dropped, reason) {
      shipped.inc({ outcome: 'refused' }, dropped)
      log.error(`the collector refused ${dropped} decisions, they stand in control's log only: ${reason}`)
    },
    stateNotWritten(reason) {
      writeFailures.inc()
      if (writing) log.error(`state cannot be written: ${reason}. Judging goes on in memory; a restart would fall back`)
      writing = false
    },
    stateWritten() {
      if (!writing) log.info('state is written again')
      writing = true
    },
    apiFailed(error) {
      apiFailures.inc()
      log.error({ err: error }, 'a request to the API failed')
    },
    followerCut(stream) {
      followersCut.inc({ stream })
      log.warn(`a reader of ${stream} fell too far behind and was cut`)
    },
  }
}

/** A gauge whose values are asked for at each scrape: [labels, value] pairs, everything else is forgotten. */
export function asked<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
  values: () => Iterable<[Record<L, string>, number]>,
): void {
  new Gauge({
    name: `trimtab_control_${name}`,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset()
      for (const [labels, value] of values()) this.set(labels, value)
    },
  })
}
