import type { Dispatcher } from 'undici'
import type { Family } from '../../../protocol/prometheus/family.ts'
import { type ConflictPolicy, type Contribution, Merge } from '../../../protocol/prometheus/merge.ts'
import { ToldApart } from '../../../protocol/prometheus/told-apart.ts'
import type { Clock } from '../../../runtime/clock.ts'
import { fetchSource } from './fetch-source.ts'
import type { MergedMetricsLimits } from './limits.ts'
import { filterByName } from './name-filter.ts'
import { readExposition } from './read-source.ts'
import type { Slices } from './slices.ts'
import { type Exposition, type Failure, failure, type ScrapeSource, type SourceResult } from './source.ts'
import type { SourceMetrics } from './source-metrics.ts'
import type { SourceReports } from './source-reports.ts'

/** The proxy's own metrics as text of either format: a prom-client registry, or anything that gives such text. */
export type OwnMetrics = { registry: { metrics(): Promise<string> } } | (() => Promise<string> | string)

export interface GatherSettings {
  ownName: string
  own: OwnMetrics
  sources: readonly ScrapeSource[]
  conflicts: ConflictPolicy
  limits: MergedMetricsLimits
  instance: string
  dispatcher: Dispatcher
  clock: Clock
  slices: Slices
  metrics: SourceMetrics
  reports: SourceReports
}

export interface GatherRequest {
  deadlineMs: number
  names: readonly string[]
  chain: readonly string[]
}

/** Asks all sources at once, and merges what came. Never rejects for a source's sake. */
export type Gather = (request: GatherRequest) => Promise<Family[]>

export function createGather(settings: GatherSettings): Gather {
  const { ownName, own, sources, conflicts, limits, clock, slices, metrics, reports } = settings
  const toldApart = new ToldApart()

  const read = async (source: string, exposition: Promise<Exposition | Failure>): Promise<SourceResult> => {
    const askedAtMs = clock.now()
    const answer = await exposition
    const outcome = answer.status === 'ok' ? await readExposition(answer, limits.exposition, slices) : answer
    const result = { source, durationMs: clock.now() - askedAtMs, outcome }
    metrics.scraped(result)
    reports.scraped(result, askedAtMs)
    return result
  }

  const readAll = ({ deadlineMs, names, chain }: GatherRequest): Promise<SourceResult[]> => {
    const { dispatcher, instance } = settings
    const fetching = { dispatcher, clock, deadlineMs, bodyBytesMax: limits.bodyBytes, instance, chain, names }
    return Promise.all([
      read(ownName, askOwn(own, deadlineMs, clock)),
      ...sources.map(source => read(source.name, fetchSource(source, fetching))),
    ])
  }

  return async request => {
    const results = await readAll(request)
    const merge = new Merge({ conflicts, toldApart })
    const add = (source: string, families: readonly Family[]) => slices.run(merge.add(source, families))
    // Declared before anyone else speaks, so that no source can take these names; their values are known only after the merge.
    await add(ownName, (await sourceFamilies(settings)).map(withoutSamples))
    for (const { source, outcome } of results) {
      if (outcome.status !== 'ok') continue
      const contribution = await add(source, outcome.families)
      noteContribution(settings, source, contribution, outcome.exemplarsDropped)
    }
    await add(ownName, await sourceFamilies(settings))
    return filterByName(merge.families(), request.names)
  }
}

/** A proxy that cannot say its own metrics must not keep the application's from being scraped. */
async function askOwn(own: OwnMetrics, deadlineMs: number, clock: Clock): Promise<Exposition | Failure> {
  let cancel = () => {}
  const overdue = new Promise<Failure>(resolve => {
    const seconds = (deadlineMs / 1000).toFixed(1)
    cancel = clock.after(deadlineMs, () =>
      resolve(failure('timeout', `the proxy did not tell its own metrics within ${seconds} s`)),
    )
  })
  try {
    const told = async () => exposition(typeof own === 'function' ? await own() : await own.registry.metrics())
    return await Promise.race([told(), overdue])
  } catch (error) {
    return failure('not_metrics', `the proxy could not tell its own metrics: ${(error as Error).message}`)
  } finally {
    cancel()
  }
}

function exposition(body: string): Exposition {
  return { status: 'ok', body, contentType: undefined, framed: true }
}

async function sourceFamilies({ metrics, limits, slices }: GatherSettings): Promise<Family[]> {
  const read = await readExposition(exposition(await metrics.registry.metrics()), limits.exposition, slices)
  if (read.status === 'failed') throw new Error(`the metrics about sources cannot be read: ${read.detail}`)
  return read.families
}

function withoutSamples(family: Family): Family {
  return { ...family, samples: [] }
}

function noteContribution(
  { metrics, reports }: GatherSettings,
  source: string,
  contribution: Contribution,
  exemplarsDropped: number,
): void {
  metrics.conflicted(source, contribution.conflicts.length)
  metrics.dropped(source, 'duplicate', contribution.duplicates)
  metrics.dropped(source, 'exemplar_too_long', exemplarsDropped)
  reports.merged(source, contribution)
}
