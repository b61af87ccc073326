import type { ClusterView } from './sender.ts'

/** Looks once at the local fuses; the answer says whether one holds an endpoint out, undefined where the endpoint is not known. */
export function fusesOf(clusters: readonly ClusterView[]): (service: string, endpoint: string) => boolean | undefined {
  const known = new Map<string, Map<string, boolean>>()
  for (const { stats, endpoints } of clusters) {
    const states = new Map<string, boolean>()
    for (const { id, state } of endpoints) states.set(id, state === 'fused' || state === 'half-open')
    known.set(stats.name, states)
  }
  return (service, endpoint) => known.get(service)?.get(endpoint)
}
