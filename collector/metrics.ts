import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** The collector's own metrics: every name begins the same. */
export interface Metrics {
  counter<L extends string = string>(name: string, help: string, labels?: readonly L[]): Counter<L>
  /** Asked at each scrape. */
  gauge(name: string, help: string, read: () => number): void
  /** Asked at each scrape; one series per set of labels. */
  gauges<L extends string>(name: string, help: string, labels: readonly L[], read: () => Reading<L>[]): void
  histogram(name: string, help: string, buckets: number[]): Histogram
}

export interface Reading<L extends string> {
  labels: Record<L, string>
  value: number
}

export function metricsIn(registry: Registry): Metrics {
  const registers = [registry]
  const named = (name: string) => `trimtab_collector_${name}`
  return {
    counter: (name, help, labels = []) => new Counter({ name: named(name), help, labelNames: labels, registers }),
    gauge(name, help, read) {
      new Gauge({
        name: named(name),
        help,
        registers,
        collect() {
          this.set(read())
        },
      })
    },
    gauges(name, help, labels, read) {
      new Gauge({
        name: named(name),
        help,
        labelNames: labels,
        registers,
        collect() {
          this.reset()
          for (const { labels, value } of read()) this.set(labels, value)
        },
      })
    },
    histogram: (name, help, buckets) => new Histogram({ name: named(name), help, buckets, registers }),
  }
}
