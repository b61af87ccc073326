import type { MeshConfig } from '../../protocol/mesh-config/config.ts'
import type { Registration } from '../../protocol/snapshot.ts'
import type { Scope } from './section-book.ts'

/** The scope that a proxy belongs to: all sidecars of one service hear the same, so do all proxies of one gateway. */
export function scopeOf({ kind, service }: Pick<Registration, 'kind' | 'service'>): string {
  return `${kind}/${service}`
}

/** Every scope of the mesh: a proxy hears of itself, of telemetry, and of the services that it may call. */
export function scopesOf(mesh: MeshConfig): Map<string, Scope> {
  const scopes = new Map<string, Scope>()
  for (const service of mesh.services.values()) {
    if (service.outside) continue
    const scope = scopeOf({ kind: 'sidecar', service: service.name })
    scopes.set(scope, scopeTo(scope, [service.name, ...callableBy(mesh, service.name)]))
  }
  for (const gateway of mesh.gateways.values()) {
    const scope = scopeOf({ kind: 'gateway', service: gateway.name })
    const routed = gateway.routes.flatMap(route => route.to?.service ?? [])
    scopes.set(scope, scopeTo(scope, withRouteTargets(mesh, routed)))
  }
  return scopes
}

function scopeTo(scope: string, services: Iterable<string>): Scope {
  const names = new Map([
    ['listener', `listener/${scope}`],
    ['telemetry', 'telemetry'],
    ['identity', `identity/${scope}`],
  ])
  for (const service of services) names.set(`upstream/${service}`, `upstream/${service}`)
  return names
}

/** Services that a caller may ask, and those that their routes lead to. */
function callableBy(mesh: MeshConfig, caller: string): string[] {
  const callable = [...mesh.services.values()].filter(
    ({ allow }) =>
      mesh.intentionsDefault === 'allow' || allow.some(({ sources }) => sources === '*' || sources.includes(caller)),
  )
  return withRouteTargets(
    mesh,
    callable.map(({ name }) => name),
  )
}

/** A route may name another service: whoever follows it must know that one, too. */
function withRouteTargets(mesh: MeshConfig, services: readonly string[]): string[] {
  const found = new Set<string>()
  const open = [...services]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const service = mesh.services.get(name)
    if (!service || found.has(name)) continue
    found.add(name)
    for (const { to } of service.routes) if (to?.service !== undefined) open.push(to.service)
  }
  return [...found].sort()
}
