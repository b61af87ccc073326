import type { LoadReading } from './load.ts'

/** One line for a person: `20/s  sent 20  200: 19  503: 1  p50 3.1 ms  p99 8.2 ms  in flight 0`. */
export function describeReading(reading: LoadReading): string {
  const { ratePerSecond, sent, statuses, errors, dropped, latencyMs, inFlight } = reading
  const parts = [`${ratePerSecond}/s`, `sent ${sent}`, ...counts('', statuses)]
  parts.push(...counts('error ', errors), ...counts('dropped ', dropped))
  if (latencyMs !== null) parts.push(`p50 ${latencyMs.p50} ms`, `p99 ${latencyMs.p99} ms`)
  return [...parts, `in flight ${inFlight}`].join('  ')
}

function counts(prefix: string, counted: Readonly<Record<string, number>>): string[] {
  return Object.entries(counted).map(([name, count]) => `${prefix}${name}: ${count}`)
}
