import { randomUUID } from 'node:crypto'
import type { ConflictPolicy } from '../../../protocol/prometheus/merge.ts'
import { type Address, listen } from '../../../runtime/address.ts'
import { type Clock, systemClock } from '../../../runtime/clock.ts'
import { Agent } from '../../../runtime/http-client.ts'
import { createEndpoint } from './endpoint.ts'
import { createGather, type OwnMetrics } from './gather.ts'
import { createGatherings } from './gatherings.ts'
import { defaultMergedMetricsLimits, type MergedMetricsLimits } from './limits.ts'
import { createSlices } from './slices.ts'
import type { ScrapeSource } from './source.ts'
import { SourceMetrics } from './source-metrics.ts'
import { SourceReports } from './source-reports.ts'

export interface MergedMetricsSettings {
  /** The proxy's own metrics, merged in first. */
  own: OwnMetrics
  /** Names of applications and where they serve metrics, in the order in which they take family names. */
  sources: readonly ScrapeSource[]
  /** 'drop' by default: a family whose name another source has with another type is left out; 'prefix' renames it `<source>_<name>`. */
  conflicts?: ConflictPolicy
  limits?: Partial<MergedMetricsLimits>
  clock?: Clock
  /** Tells this endpoint from others that merge one another; unique to the process. */
  instance?: string
  /** What the proxy is called as a source. */
  ownName?: string
}

export interface MergedMetrics {
  /** Serves /metrics and /metrics/sources; port 0 takes any free one. Rejects when the address is taken. */
  listen(address: Address): Promise<MergedMetricsListening>
}

export interface MergedMetricsListening {
  /** As taken. */
  address: Address
  /** Ends the scrapes under way, at both ends. */
  close(): Promise<void>
}

/**
 * One /metrics for the proxy and its application: asked together, read, regrouped, written once in the format asked for. It answers
 * 200 with whatever succeeded; what did not is told in trimtab_scrape_source_* and on /metrics/sources. Throws when the settings
 * contradict themselves.
 */
export function createMergedMetrics(settings: MergedMetricsSettings): MergedMetrics {
  const { own, sources, conflicts = 'drop', clock = systemClock, ownName = 'proxy' } = settings
  // It travels in headers, in a list: what a header or a comma would break is written as %xx.
  const instance = encodeURIComponent((settings.instance ?? randomUUID()).toWellFormed())
  const limits = { ...defaultMergedMetricsLimits, ...settings.limits }
  checkSources(sources, ownName)
  return {
    async listen(address) {
      // Scrapes are rare, and a connection kept between them is mostly closed by the application just when it is used again.
      const dispatcher = new Agent({ pipelining: 0, maxHeaderSize: 16 * 1024, maxResponseSize: limits.bodyBytes })
      const metrics = new SourceMetrics([ownName, ...sources.map(({ name }) => name)])
      const reports = new SourceReports([{ name: ownName, url: undefined }, ...sources])
      const slices = createSlices(clock)
      const gather = createGather({
        own,
        ownName,
        sources,
        conflicts,
        limits,
        instance,
        dispatcher,
        clock,
        slices,
        metrics,
        reports,
      })
      const gatherings = createGatherings(gather, limits.gatherings, clock, slices)
      const server = createEndpoint({ gatherings, reports, limits, instance, clock })
      const taken = await listen(server, address)
      return {
        address: taken,
        async close() {
          const closed = new Promise<void>(resolve => server.close(() => resolve()))
          server.closeAllConnections()
          await Promise.all([closed, dispatcher.destroy()])
        },
      }
    },
  }
}

function checkSources(sources: readonly ScrapeSource[], ownName: string): void {
  const taken = new Set([ownName])
  for (const { name, url } of sources) {
    if (name === '') throw new Error(`the metrics source at ${url} has no name: give it one`)
    if (taken.has(name))
      throw new Error(`the metrics source ${JSON.stringify(name)} is named twice: give each its own name`)
    taken.add(name)
    const target = URL.parse(url)
    if (!target || (target.protocol !== 'http:' && target.protocol !== 'https:')) {
      throw new Error(
        `the metrics source ${name} has the URL ${JSON.stringify(url)}: expected one like http://127.0.0.1:9464/metrics`,
      )
    }
    if (target.username !== '' || target.password !== '') {
      throw new Error(`the metrics source ${name} has a user or password in its URL, which is not sent: leave it out`)
    }
  }
}
