import { Counter, Gauge, Registry } from '../../../runtime/metric-registry.ts'
import { failureReasons, type SourceResult } from './source.ts'

export type DropReason = 'duplicate' | 'exemplar_too_long'
const dropReasons: readonly DropReason[] = ['duplicate', 'exemplar_too_long']

/** How the sources of the merged endpoint fare, told in the endpoint's own exposition. */
export class SourceMetrics {
  readonly registry = new Registry()

  readonly #up = this.#gauge('up', 'Whether the last scrape of the source was merged in (1) or not (0).')
  readonly #duration = this.#gauge('duration_seconds', 'How long the last scrape of the source took, reading included.')
  readonly #samples = this.#gauge('samples', 'Samples that the last scrape of the source brought.')
  readonly #failures = this.#counter('failures', 'Scrapes of the source that brought nothing, by reason.', ['reason'])
  readonly #conflicts = this.#counter(
    'conflicts',
    'Families of the source dropped or prefixed because their name was taken.',
  )
  readonly #dropped = this.#counter('dropped', 'Parts of the source left out of what was merged in, by reason.', [
    'reason',
  ])

  /** Every series exists from the start, so that a first failure is an increase. */
  constructor(sources: readonly string[]) {
    for (const source of sources) {
      for (const reason of failureReasons) this.#failures.inc({ source, reason }, 0)
      for (const reason of dropReasons) this.#dropped.inc({ source, reason }, 0)
      this.#conflicts.inc({ source }, 0)
    }
  }

  scraped({ source, durationMs, outcome }: SourceResult): void {
    const ok = outcome.status === 'ok'
    this.#up.set({ source }, ok ? 1 : 0)
    this.#duration.set({ source }, durationMs / 1000)
    this.#samples.set({ source }, ok ? outcome.sampleCount : 0)
    if (!ok) this.#failures.inc({ source, reason: outcome.reason })
  }

  conflicted(source: string, families: number): void {
    this.#conflicts.inc({ source }, families)
  }

  dropped(source: string, reason: DropReason, count: number): void {
    this.#dropped.inc({ source, reason }, count)
  }

  #gauge(name: string, help: string): Gauge<'source'> {
    return new Gauge({
      name: `trimtab_scrape_source_${name}`,
      help,
      labelNames: ['source'],
      registers: [this.registry],
    })
  }

  #counter(name: string, help: string, labels: 'reason'[] = []): Counter<'source' | 'reason'> {
    const labelNames = ['source' as const, ...labels]
    return new Counter({ name: `trimtab_scrape_source_${name}_total`, help, labelNames, registers: [this.registry] })
  }
}
