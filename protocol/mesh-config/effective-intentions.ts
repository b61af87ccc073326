import type { OidcLogin } from '../oidc.ts'
import type { TextMatch } from '../text-match.ts'
import type { IntentionRule, JwtConfig, MeshRule } from './config.ts'
import { formatDuration } from './units.ts'

/** Rules and token providers as a person would write them, every field said. */

export function writtenRule(rule: IntentionRule) {
  const { name, from, methods, path, pathPrefix, pathRegex, headers, jwt, dryRun } = rule
  return {
    // A generated name has blanks, which a written one may not have; read again it comes out the same.
    name: name.includes(' ') ? undefined : name,
    from,
    methods: methods.length === 0 ? undefined : methods,
    path,
    pathPrefix,
    pathRegex,
    headers: writtenTexts(headers),
    jwt: jwt === undefined ? undefined : { provider: jwt.provider, claims: writtenTexts(jwt.claims) },
    dryRun,
  }
}

export function writtenMeshRule(rule: MeshRule) {
  const { to, action } = rule
  return { ...writtenRule(rule), to, action }
}

export function writtenOidc({ sessionMs, ...login }: OidcLogin) {
  return { ...login, session: formatDuration(sessionMs) }
}

export function writtenJwt({ issuer, audiences, jwks, clockSkewMs, header, forward }: JwtConfig) {
  return { issuer, audiences, jwks, clockSkew: formatDuration(clockSkewMs), header, forward }
}

export function writtenTexts(
  texts: Record<string, TextMatch> | undefined,
): Map<string, TextMatch | string> | undefined {
  if (texts === undefined) return undefined
  return new Map(Object.entries(texts).map(([name, text]) => [name, text.exact ?? text]))
}
