import type { Intention, Intentions } from '../intentions.ts'
import type { TextMatch } from '../text-match.ts'
import { type CallerGroup, callerGroups } from './callers.ts'

type Json = Record<string, unknown>

/**
 * The HTTP filter envoy.filters.http.rbac of a service's inbound listener, as Consul writes it: one policy for each group of callers that
 * the rules tell apart, `consul-intentions-layer7-N` (layer4 where only callers matter). Under default deny its policies allow, else they
 * deny. Envoy knows no order of policies, so each rule carries the ones before it as what must not fit. Dry-run rules stand in shadow_rules,
 * as if in force.
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
  for (const group of callerGroups(rules, trustDomain)) {
    const about = rules.filter(group.speaksOf)
    const permissions = about.flatMap((rule, index) => {
      if (rule.action !== acts) return []
      const before = about.slice(0, index).filter(({ action }) => action !== acts)
      return [allOf([permissionOf(rule, jwt), ...before.map(other => ({ not_rule: permissionOf(other, jwt) }))])]
    })
    if (permissions.length === 0) continue
    const layer = about.some(looksIntoRequests) ? 7 : 4
    policies.push([
      `consul-intentions-layer${layer}-${policies.length}`,
      { permissions, principals: [principalOf(group)] },
    ])
  }
  return { action: acts.toUpperCase(), policies: Object.fromEntries(policies) }
}

function principalOf({ fits, fitsNot }: CallerGroup): Json {
  const ids = [...fits.map(authenticatedAs), ...fitsNot.map(regex => ({ not_id: authenticatedAs(regex) }))]
  return ids.length === 0 ? { any: true } : ids.length === 1 ? ids[0]! : { and_ids: { ids } }
}

function authenticatedAs(regex: string): Json {
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
