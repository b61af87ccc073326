import { serviceOfSpiffeId } from '../../protocol/identity.ts'
import type { Intention } from '../../protocol/intentions.ts'
import type { MeshConfig } from '../../protocol/mesh-config/config.ts'
import type { Registration } from '../../protocol/snapshot.ts'
import { intentionsOf } from './intentions.ts'
import type { Scope } from './section-book.ts'

/** The scope that a proxy belongs to: all sidecars of one service hear the same, so do all proxies of one gateway. */
export function scopeOf({ kind, service }: Pick<Registration, 'kind' | 'service'>): string {
  return `${kind}/${service}`
}

/** Every scope of the mesh: a proxy hears of itself, of telemetry, and of the services that it may call. */
export function scopesOf(mesh: MeshConfig): Map<string, Scope> {
  const scopes = new Map<string, Scope>()
  const callable = callableIn(mesh)
  for (const service of mesh.services.values()) {
    if (service.outside) continue
    const scope = scopeOf({ kind: 'sidecar', service: service.name })
    const names = scopeTo(scope, [service.name, ...callable(service.name)])
    scopes.set(scope, names.set('intentions', `intentions/${service.name}`))
  }
  for (const gateway of mesh.gateways.values()) {
    const scope = scopeOf({ kind: 'gateway', service: gateway.name })
    const routed = gateway.routes.flatMap(route => route.to?.service ?? [])
    scopes.set(scope, scopeTo(scope, withRouteTargets(mesh, routed)))
  }
  return scopes
}

function scopeTo(scope: string, services: Iterable<string>): Map<string, string> {
  const names = new Map([
    ['listener', `listener/${scope}`],
    ['telemetry', 'telemetry'],
    ['identity', `identity/${scope}`],
  ])
  for (const service of services) names.set(`upstream/${service}`, `upstream/${service}`)
  return names
}

/** Services that a caller may ask, and those that their routes lead to. */
function callableIn(mesh: MeshConfig): (caller: string) => string[] {
  // Once for all callers: they are sorted for each service.
  const rules = [...mesh.services.values()].map(({ name, outside, protocol }) => ({
    name,
    readsRequests: outside === undefined && protocol !== 'tcp',
    intentions: intentionsOf(mesh, name),
  }))
  return caller =>
    withRouteTargets(
      mesh,
      rules
        .filter(({ readsRequests, intentions }) => mayCall(mesh, caller, intentions, readsRequests))
        .map(({ name }) => name),
    )
}

/**
 * Whether some call of the caller may be let in: an allow rule comes before any that turns all of his calls away. Where no proxy reads the
 * requests (outside the mesh, and of tcp services), a rule that looks into them lets nobody in and turns everybody away.
 */
function mayCall(mesh: MeshConfig, caller: string, intentions: readonly Intention[], readsRequests: boolean): boolean {
  for (const rule of intentions) {
    if (rule.dryRun || !mayBe(rule.source, caller, mesh.trustDomain)) continue
    const narrow = isNarrow(rule)
    if (rule.action === 'allow' && (readsRequests || !narrow)) return true
    if (rule.action === 'deny' && (!readsRequests || !narrow)) return false
  }
  return mesh.intentionsDefault === 'allow'
}

function isNarrow({ methods, path, pathPrefix, pathRegex, headers, jwt }: Intention): boolean {
  return [methods, path, pathPrefix, pathRegex, headers, jwt].some(part => part !== undefined)
}

/** Whether a caller of this mesh may be whom a rule means. An id with a star is taken for him where the trust domain is ours. */
function mayBe({ any, services, spiffe }: Intention['source'], caller: string, trustDomain: string): boolean {
  if (any) return true
  if (services !== undefined) return services.includes(caller)
  if (spiffe?.endsWith('*')) return spiffe.startsWith(`spiffe://${trustDomain}/`)
  const named = serviceOfSpiffeId(spiffe ?? '')
  return named?.trustDomain === trustDomain && named.service === caller
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
