import type { IntentionRule, JwtConfig, MeshRule } from './config.ts'
import { anyGateway } from './cross-intentions.ts'
import { resolveTexts } from './resolve-route.ts'
import { known, milliseconds } from './resolve-values.ts'
import type { IntentionsWritten, JwtWritten, RuleWritten } from './schema-intentions.ts'

/** The rules of one list of a service, each with its callers spelled out and a name of its own. */
export function resolveRules(
  rules: readonly RuleWritten[],
  action: IntentionRule['action'],
  service: string,
  gateways: readonly string[],
): IntentionRule[] {
  return rules.map((rule, index) => resolveRule(rule, action, generatedName(service, action, index), gateways))
}

export function resolveMeshRules(
  rules: NonNullable<IntentionsWritten['rules']>,
  gateways: readonly string[],
): MeshRule[] {
  return rules.map((rule, index) => ({
    ...resolveRule(rule, rule.action, generatedName('mesh', rule.action, index), gateways),
    to: rule.to,
  }))
}

/** Blanks keep it apart from any name that a person can write. The position counts from 1, as people do. */
function generatedName(owner: string, action: string, index: number): string {
  return owner === 'mesh' ? `rule ${index + 1} ${action}` : `${owner} ${action} ${index + 1}`
}

function resolveRule(
  rule: RuleWritten,
  action: IntentionRule['action'],
  generated: string,
  gateways: readonly string[],
): IntentionRule {
  const { from, path, pathPrefix, pathRegex, headers, jwt } = rule
  return {
    name: rule.name ?? generated,
    action,
    from,
    ...sourcesOf(from, gateways),
    methods: rule.methods ?? [],
    ...(path === undefined ? {} : { path: asSent(path) }),
    ...(pathPrefix === undefined ? {} : { pathPrefix: asSent(pathPrefix) }),
    ...(pathRegex === undefined ? {} : { pathRegex }),
    ...(headers === undefined ? {} : { headers: resolveTexts(headers, name => name.toLowerCase()) }),
    ...(jwt === undefined
      ? {}
      : { jwt: { provider: jwt.provider, claims: resolveTexts(jwt.claims ?? {}, name => name) } }),
    dryRun: rule.dryRun ?? false,
  }
}

function sourcesOf(from: string, gateways: readonly string[]): Pick<IntentionRule, 'sources' | 'spiffe'> {
  if (from.startsWith('spiffe:')) return { sources: [], spiffe: from }
  return { sources: from === '*' ? '*' : from === anyGateway ? [...gateways] : [from] }
}

/** A path as requests carry it (RFC 3986, 2.5): a rule that keeps /ü closed must keep /%C3%BC closed. */
function asSent(path: string): string {
  return path.replace(/[^\x00-\x7f]+/g, encodeURIComponent)
}

export function resolveJwt(providers: JwtWritten): ReadonlyMap<string, JwtConfig> {
  return new Map(
    Object.entries(providers).map(([name, written]): [string, JwtConfig] => {
      const { issuer, audiences, jwks, clockSkew, header, forward } = written
      return [
        name,
        {
          issuer,
          audiences,
          jwks: jwks.file === undefined ? { url: known(jwks.url) } : { file: jwks.file },
          clockSkewMs: milliseconds(clockSkew),
          header: known(header).toLowerCase(),
          forward: new Map(Object.entries(known(forward)).map(([claim, name]) => [claim, name.toLowerCase()])),
        },
      ]
    }),
  )
}
