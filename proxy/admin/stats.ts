import type { MetricObjectWithValues, MetricValue } from 'prom-client'
import type { AdminView } from './view.ts'

/**
 * GET /stats: every family of the proxy, one line a value, as Envoy lists them: `name{labels}: value`. `filter` is a regular expression
 * over the line's name. Histograms are told by their sum and count.
 */
export async function statsText(view: AdminView, filter: RegExp | undefined): Promise<string> {
  const lines = (await allStats(view))
    .filter(({ name }) => filter === undefined || filter.test(name))
    .map(({ name, value }) => `${name}: ${value}`)
  return lines.length === 0 ? '' : `${lines.sort().join('\n')}\n`
}

/** GET /stats?format=json: Envoy's {stats: [{name, value}]}. */
export async function statsJson(view: AdminView, filter: RegExp | undefined): Promise<unknown> {
  return { stats: (await allStats(view)).filter(({ name }) => filter === undefined || filter.test(name)) }
}

async function allStats(view: AdminView): Promise<{ name: string; value: number }[]> {
  const families = (await view.registry.getMetricsAsJSON()) as MetricObjectWithValues<Sample>[]
  return families.flatMap(({ name, type, values }) =>
    values
      .filter(({ metricName }) => !metricName?.endsWith('_bucket'))
      .map(({ metricName, labels, value }) => ({
        name: `${metricName ?? (String(type) === 'counter' ? `${name}_total` : name)}${labelsText(labels)}`,
        value: Number(value),
      })),
  )
}

type Sample = MetricValue<string> & { metricName?: string }

function labelsText(labels: Partial<Record<string, string | number>>): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${value}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}
