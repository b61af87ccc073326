import type { Intention, Intentions } from '../intentions.ts'
import type { TextMatch } from '../text-match.ts'

type Json = Record<string, unknown>

/**
 * The HTTP filter envoy.filters.http.rbac of a service's inbound listener, as Consul writes it: one policy for each caller that a rule
 * names, `consul-intentions-layer7-N` (layer4 where only callers matter). Under default deny its policies allow, else they deny. Envoy knows
 * no order of policies, so each rule carries the ones before it as what must not fit. Dry-run rules stand in shadow_rules, as if in force.
 */
export function envoyRbac(intentions: Intentions, trustDomain: string): Json {
  return {
    name: 'envoy.filters.http.rbac',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC',
      ...bothRules(intentions, trustDomain),
    },
  }
}

/** The network filter envoy.filters.network.rbac of a tcp service, where only callers matter: every policy is of layer 4. */
export function envoyNetworkRbac(intentions: Intentions, trustDomain: string): Json {
  // As the proxy judges connections: what would have to look into requests lets nobody in, and turns everybody away.
  const rules = intentions.rules
    .filter(rule => rule.action === 'deny' || !looksIntoRequests(rule))
    .map(({ name, action, dryRun, precedence, source }) => ({ name, action, dryRun, precedence, source }))
  return {
    name: 'envoy.filters.network.rbac',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC',
      stat_prefix: 'connect_authz',
      ...bothRules({ ...intentions, rules }, trustDomain),
    },
  }
}

function bothRules(intentions: Intentions, trustDomain: string): Json {
  const inForce = intentions.rules.filter(({ dryRun }) => !dryRun)
  const rules = rbacOf(intentions, inForce, trustDomain)
  if (inForce.length === intentions.rules.length) return { rules }
  return { rules, shadow_rules: rbacOf(intentions, intentions.rules, trustDomain) }
}

function rbacOf({ default: byDefault, jwt }: Intentions, rules: readonly Intention[], trustDomain: string): Json {
  const acts = byDefault === 'deny' ? 'allow' : 'deny'
  const policies: [string, Json][] = []
  for (const caller of callersOf(rules)) {
    const about = rules.filter(rule => speaksOf(rule, caller, trustDomain))
    const permissions = about.flatMap((rule, index) => {
      if (rule.action !== acts) return []
      const before = about.slice(0, index).filter(({ action }) => action !== acts)
      return [allOf([permissionOf(rule, jwt), ...before.map(other => ({ not_rule: permissionOf(other, jwt) }))])]
    })
    if (permissions.length === 0) continue
    const layer = about.some(looksIntoRequests) ? 7 : 4
    policies.push([
      `consul-intentions-layer${layer}-${policies.length}`,
      { permissions, principals: [principalOf(caller, callersOf(rules), trustDomain)] },
    ])
  }
  return { action: acts.toUpperCase(), policies: Object.fromEntries(policies) }
}

/** `any`: whoever has an identity of the mesh; `stranger`: who has none, whom rules for everybody only ever turn away. */
type Caller = { kind: 'service' | 'spiffe'; name: string } | { kind: 'any' | 'stranger'; name: '' }

function callersOf(rules: readonly Intention[]): Caller[] {
  const callers = new Map<string, Caller>()
  for (const { source } of rules) {
    for (const name of source.services ?? []) callers.set(`service ${name}`, { kind: 'service', name })
    if (source.spiffe !== undefined) callers.set(source.spiffe, { kind: 'spiffe', name: source.spiffe })
    if (source.any) callers.set('any', { kind: 'any', name: '' }).set('stranger', { kind: 'stranger', name: '' })
  }
  return [...callers.values()]
}

function speaksOf({ source, action }: Intention, { kind, name }: Caller, trustDomain: string): boolean {
  if (source.any) return kind !== 'stranger' || action === 'deny'
  if (kind === 'any' || kind === 'stranger') return false
  if (source.services !== undefined) return kind === 'service' && source.services.includes(name)
  const { spiffe = '' } = source
  if (kind === 'spiffe') return spiffe === name
  // The dc does not stand in a rule: an id fits when it names this service of this trust domain in any of them.
  return spiffe.endsWith('*')
    ? `spiffe://${trustDomain}/`.startsWith(spiffe.slice(0, -1))
    : spiffe.startsWith(`spiffe://${trustDomain}/`) && spiffe.endsWith(`/svc/${name}`)
}

/** Somebody whom a rule names has a policy of his own, and none as one of all. */
function principalOf(caller: Caller, all: readonly Caller[], trustDomain: string): Json {
  const member = idOf('any', '', trustDomain)
  const named = all
    .filter(({ kind }) => kind === 'service' || kind === 'spiffe')
    .map(({ kind, name }) => ({ not_id: idOf(kind, name, trustDomain) }))
  if (caller.kind === 'any') return bothOf([member, ...named])
  if (caller.kind === 'stranger') return bothOf([{ not_id: member }, ...named])
  return idOf(caller.kind, caller.name, trustDomain)
}

function bothOf(ids: readonly Json[]): Json {
  return ids.length === 1 ? ids[0]! : { and_ids: { ids } }
}

function idOf(kind: Caller['kind'], name: string, trustDomain: string): Json {
  const regex =
    kind === 'spiffe'
      ? `^${quoted(name.replace(/\*$/, ''))}${name.endsWith('*') ? '.*' : ''}$`
      : `^spiffe://${quoted(trustDomain)}/ns/default/dc/[^/]+/svc/${kind === 'any' ? '[^/]+' : quoted(name)}$`
  return { authenticated: { principal_name: { safe_regex: { regex } } } }
}

function looksIntoRequests({ methods, path, pathPrefix, pathRegex, headers, jwt }: Intention): boolean {
  return [methods, path, pathPrefix, pathRegex, headers, jwt].some(part => part !== undefined)
}

function permissionOf(rule: Intention, providers: Intentions['jwt']): Json {
  const { methods, path, pathPrefix, pathRegex, headers, jwt } = rule
  const parts: Json[] = []
  if (path !== undefined) parts.push(urlPath({ exact: path }))
  if (pathPrefix !== undefined) parts.push(belowPath(pathPrefix))
  if (pathRegex !== undefined) parts.push(urlPath({ safe_regex: { regex: pathRegex } }))
  if (methods !== undefined)
    parts.push(anyOf(methods.map(method => ({ header: { name: ':method', string_match: { exact: method } } }))))
  for (const [name, text] of Object.entries(headers ?? {})) parts.push({ header: { name, ...matcher(text) } })
  if (jwt !== undefined) {
    const payload = [{ key: `jwt_payload_${jwt.provider}` }]
    const claim = (name: string, text: TextMatch): Json => ({
      metadata: {
        filter: 'envoy.filters.http.jwt_authn',
        path: [...payload, ...name.split('.').map(key => ({ key }))],
        value: text.present === undefined ? { string_match: stringMatch(text) } : { present_match: text.present },
      },
    })
    parts.push(claim('iss', { exact: providers[jwt.provider]?.issuer ?? '' }))
    for (const [name, text] of Object.entries(jwt.claims)) parts.push(claim(name, text))
  }
  return allOf(parts)
}

const urlPath = (match: Json): Json => ({ url_path: { path: match } })

/** Ours end where a segment does. */
function belowPath(prefix: string): Json {
  const bare = prefix.replace(/\/$/, '')
  return bare === '' ? urlPath({ prefix: '/' }) : anyOf([urlPath({ exact: bare }), urlPath({ prefix: `${bare}/` })])
}

function allOf(rules: readonly Json[]): Json {
  return rules.length === 0 ? { any: true } : rules.length === 1 ? rules[0]! : { and_rules: { rules } }
}

function anyOf(rules: readonly Json[]): Json {
  return rules.length === 1 ? rules[0]! : { or_rules: { rules } }
}

function matcher(text: TextMatch): Json {
  return text.present === undefined ? { string_match: stringMatch(text) } : { present_match: text.present }
}

function stringMatch(text: TextMatch): Json {
  if (text.exact !== undefined) return { exact: text.exact }
  if (text.prefix !== undefined) return { prefix: text.prefix }
  return { safe_regex: { regex: text.regex ?? '.*' } }
}

const quoted = (text: string): string => text.replace(/[.+*?^${}()|[\]\\]/g, '\\$&')
