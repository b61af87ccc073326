import type { Contribution } from '../../../protocol/prometheus/merge.ts'
import type { FailureReason, SourceResult } from './source.ts'

/** What a person is told about a source: whether its metrics are there, and if not, why. */
export interface SourceReport {
  source: string
  /** Undefined for the proxy itself. */
  url: string | undefined
  state: 'merged' | 'missing' | 'not asked yet'
  /** Of the monotonic clock; undefined when it was not asked yet. */
  askedAtMs: number | undefined
  durationMs: number
  format: 'text' | 'openmetrics' | undefined
  samples: number
  families: number
  reason: FailureReason | undefined
  detail: string | undefined
  /** All of the last scrape; `conflicts` tells the first of them. */
  conflictCount: number
  conflicts: string[]
  duplicates: number
  exemplarsDropped: number
}

const conflictsTold = 20

/** The last result of each source. */
export class SourceReports {
  readonly #reports: Map<string, SourceReport>

  constructor(sources: readonly { name: string; url: string | undefined }[]) {
    this.#reports = new Map(sources.map(({ name, url }) => [name, notAsked(name, url)]))
  }

  all(): SourceReport[] {
    return [...this.#reports.values()]
  }

  scraped({ source, durationMs, outcome }: SourceResult, askedAtMs: number): void {
    const before = this.#reports.get(source)
    const asked = { ...notAsked(source, before?.url), askedAtMs, durationMs }
    this.#reports.set(
      source,
      outcome.status === 'ok'
        ? {
            ...asked,
            state: 'merged',
            format: outcome.format,
            samples: outcome.sampleCount,
            families: outcome.families.length,
            exemplarsDropped: outcome.exemplarsDropped,
          }
        : { ...asked, state: 'missing', reason: outcome.reason, detail: outcome.detail },
    )
  }

  merged(source: string, { conflicts, duplicates }: Contribution): void {
    const report = this.#reports.get(source)
    if (!report) return
    report.duplicates = duplicates
    report.conflictCount = conflicts.length
    report.conflicts = conflicts.slice(0, conflictsTold).map(conflict => {
      const outcome = conflict.renamedTo === undefined ? 'left out' : `renamed ${conflict.renamedTo}`
      const { heldBy } = conflict
      const told = `${conflict.family} (${conflict.type}) ${outcome}: ${heldBy.source} has ${heldBy.family} (${heldBy.type})`
      // Names are parts of a body, and would keep the whole of it in memory.
      return Buffer.from(told).toString()
    })
  }
}

function notAsked(source: string, url: string | undefined): SourceReport {
  return {
    source,
    url,
    state: 'not asked yet',
    askedAtMs: undefined,
    durationMs: 0,
    format: undefined,
    samples: 0,
    families: 0,
    reason: undefined,
    detail: undefined,
    conflictCount: 0,
    conflicts: [],
    duplicates: 0,
    exemplarsDropped: 0,
  }
}
