import { type Failure, failure } from '../failures.ts'
import { pathOf } from '../path.ts'
import type { TokenVerdict } from './jwt/token-verdict.ts'
import type { Asked } from './rule.ts'
import type { Decided, Lacking } from './verdict.ts'

/** The answer to a call that is denied, and what it asks for when only a token was lacking. */
export interface Denial {
  failure: Failure
  /** Value of www-authenticate; '' for none. */
  challenge: string
}

/** A path in a message is cut here. */
const PATH_MAX = 200

/**
 * What a denied caller is told. 401 where a token would have let the call in and none that is good came with it, 403 where nothing would
 * have helped or the token lacks what the rule asks for, 503 where nobody can tell (RFC 6750, 3.1). The detail is for the mesh: who was
 * seen, which intention matched, what to write to allow it.
 */
export function denialOf(decided: Decided, asked: Asked, service: string, realm: string): Denial {
  const call = callOf(asked, service)
  if (decided.lacking !== undefined) return lackingToken(decided.lacking, call, realm)
  const { rule } = decided
  if (rule === undefined)
    return { failure: failure('UAEX', `no intention lets ${call}; ${adviceOf(asked, service)}`), challenge: '' }
  const advice = `to allow it, change that rule in the mesh file, or write a more exact one that allows it`
  return {
    failure: failure('UAEX', `intention ${JSON.stringify(rule.name)} does not let ${call}; ${advice}`),
    challenge: '',
  }
}

/** `report GET /api/x of expense`: who was seen, and what he wanted. */
function callOf({ source, sourceId, request }: Asked, service: string): string {
  const who = source !== '' ? source : sourceId !== '' ? sourceId : 'a caller without a certificate'
  if (request === undefined) return `${who} connect to ${service}`
  return `${who} ${request.method} ${shortPath(request.target)} of ${service}`
}

function shortPath(target: string): string {
  const path = pathOf(target)
  return path.length > PATH_MAX ? `${path.slice(0, PATH_MAX)}...` : path
}

function adviceOf({ source, sourceId, request }: Asked, service: string): string {
  if (source === '' && sourceId === '')
    return 'callers are told apart by their certificates: call through a proxy of the mesh (mtls strict or permissive)'
  const parts = [`from: ${source === '' ? JSON.stringify(sourceId) : source}`]
  if (request !== undefined)
    parts.push(`methods: [${request.method}]`, `path: ${JSON.stringify(shortPath(request.target))}`)
  return `to allow it, write under services.${service}.allow in the mesh file: { ${parts.join(', ')} }`
}

function lackingToken({ rule, token }: Lacking, call: string, realm: string): Denial {
  const by = `intention ${JSON.stringify(rule.name)} would let ${call} with a token of ${rule.jwt!.provider}`
  const denied = (status: number, reason: string, why: string): Failure => ({
    ...failure('UAEX', `${by}: ${why}`, status),
    reason,
  })
  const quoted = `Bearer realm="${realm}"`
  switch (token.status) {
    case 'valid': {
      const why = 'the token that came lacks the claims that it asks for'
      const challenge = `${quoted}, error="insufficient_scope", error_description="the token does not allow this"`
      return { failure: denied(403, 'token-insufficient', why), challenge }
    }
    // Who sent none is told that there is something to send, and no error (RFC 6750, 3.1).
    case 'missing':
      return { failure: denied(401, 'token-missing', token.detail), challenge: quoted }
    case 'unavailable':
      return { failure: denied(503, 'token-keys-unavailable', token.detail), challenge: '' }
    case 'invalid':
      return {
        failure: denied(401, `token-${token.problem}`, token.detail),
        challenge: `${quoted}, error="invalid_token", error_description="${describe(token)}"`,
      }
  }
}

/** No quote, no backslash: it stands in a quoted-string. */
function describe({ detail }: Extract<TokenVerdict, { status: 'invalid' }>): string {
  return detail.replace(/[^\x20-\x7e]|["\\]/g, ' ')
}

/** While nobody told who may call: safe is to let nobody in. It will pass, so it is no 403. */
export const notToldYet: Failure = {
  flag: 'UAEX',
  reason: 'no-intentions',
  detail:
    'this proxy does not know yet who may call: control was not heard since its start and no last good snapshot is on its disk',
  status: 503,
}
