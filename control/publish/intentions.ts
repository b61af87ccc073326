import type { Intention, Intentions, JwtProvider } from '../../protocol/intentions.ts'
import type { IntentionRule, JwtConfig, MeshConfig } from '../../protocol/mesh-config/config.ts'

/** Section `intentions` of a service's sidecars. `jwks` are the texts of the key files that the mesh file names, by provider. */
export function intentionsSection(mesh: MeshConfig, service: string, jwks: ReadonlyMap<string, string>): Intentions {
  const rules = intentionsOf(mesh, service)
  const asked = new Set(rules.map(({ jwt }) => jwt?.provider))
  const providers = [...mesh.jwt].map(([name, config]): [string, JwtProvider] => [
    name,
    providerOf(config, asked.has(name) ? jwks.get(name) : undefined, asked.has(name)),
  ])
  return { default: mesh.intentionsDefault, rules, jwt: Object.fromEntries(providers) }
}

/** Every rule that speaks of calls to a service, in the order in which they are tried. */
export function intentionsOf(mesh: MeshConfig, service: string): Intention[] {
  const config = mesh.services.get(service)
  const own = [...(config?.deny ?? []), ...(config?.allow ?? [])].map(rule => intentionOf(rule, true))
  const over = mesh.intentionRules
    .filter(({ to }) => to === '*' || to === service)
    .map(rule => intentionOf(rule, rule.to !== '*'))
  return sortIntentions([...own, ...over])
}

/** The more exact of source and destination first; of equals, deny before allow; then as they stand. */
export function sortIntentions(rules: readonly Intention[]): Intention[] {
  const denyFirst = (rule: Intention) => (rule.action === 'deny' ? 0 : 1)
  return rules.toSorted((a, b) => b.precedence - a.precedence || denyFirst(a) - denyFirst(b))
}

function intentionOf(rule: IntentionRule, exactDestination: boolean): Intention {
  const { name, action, dryRun, methods, path, pathPrefix, pathRegex, headers, jwt } = rule
  return {
    name,
    action,
    dryRun,
    precedence: precedenceOf(rule, exactDestination),
    source: sourceOf(rule),
    ...(methods.length === 0 ? {} : { methods }),
    ...(path === undefined ? {} : { path }),
    ...(pathPrefix === undefined ? {} : { pathPrefix }),
    ...(pathRegex === undefined ? {} : { pathRegex }),
    ...(headers === undefined ? {} : { headers }),
    ...(jwt === undefined ? {} : { jwt }),
  }
}

/** Consul's numbers. An id that ends in a star is no more exact than the star alone. */
function precedenceOf({ sources, spiffe }: IntentionRule, exactDestination: boolean): number {
  const exactSource = sources !== '*' && spiffe?.endsWith('*') !== true
  if (exactDestination) return exactSource ? 9 : 8
  return exactSource ? 6 : 5
}

function sourceOf({ sources, spiffe }: IntentionRule): Intention['source'] {
  if (spiffe !== undefined) return { spiffe }
  return sources === '*' ? { any: true } : { services: sources }
}

function providerOf(config: JwtConfig, jwks: string | undefined, withKeys: boolean): JwtProvider {
  const { issuer, audiences, clockSkewMs, header } = config
  return {
    issuer,
    audiences,
    ...(jwks === undefined ? {} : { jwks }),
    ...(withKeys && 'url' in config.jwks ? { jwksUrl: config.jwks.url } : {}),
    clockSkewMs,
    header,
    forward: Object.fromEntries(config.forward),
  }
}
