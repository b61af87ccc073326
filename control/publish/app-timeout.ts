import type { MeshConfig, ServiceConfig } from '../../protocol/mesh-config/config.ts'
import type { Route } from '../../protocol/snapshot.ts'

/**
 * How long the application of a service may take for an answer, 0: for ever. As long as the most patient of those who may ask it, by whatever
 * route: its own proxy would else cut short what the caller still waits for.
 */
export function appTimeoutMs(mesh: MeshConfig, { name, timeoutMs }: ServiceConfig): number {
  const leads = (route: Route, at: string): boolean => (route.to?.service ?? at) === name
  const entrances = new Set([name])
  const timeouts = [timeoutMs]
  for (const { name: at, routes } of mesh.services.values())
    for (const route of routes)
      if (leads(route, at)) {
        entrances.add(at)
        if (route.timeoutMs !== undefined) timeouts.push(route.timeoutMs)
      }
  // A gateway's deadline goes along to where a service's own routes lead from there.
  for (const { routes } of mesh.gateways.values())
    for (const route of routes)
      if (route.timeoutMs !== undefined && entrances.has(route.to?.service ?? '')) timeouts.push(route.timeoutMs)
  return timeouts.includes(0) ? 0 : Math.max(...timeouts)
}
