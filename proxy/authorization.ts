import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { createAuthorizer } from './authorize/authorizer.ts'
import { createConnectionAuthorizer } from './authorize/connection-authorizer.ts'
import { authorizationCounts } from './authorize/counts.ts'
import { denialLog } from './authorize/denial-log.ts'
import { type CallExplanation, type CallQuestion, explainCall } from './authorize/explain.ts'
import { jwksFetcher } from './authorize/jwt/fetch-text.ts'
import { createTokens } from './authorize/jwt/tokens.ts'
import { loginCounts } from './authorize/oidc/counts.ts'
import { createLogin } from './authorize/oidc/login.ts'
import { loginProvider } from './authorize/oidc/provider.ts'
import type { Exchange, Stage } from './exchange.ts'
import type { Failure } from './failures.ts'
import { authorizationFamilies } from './observe/authorization-families.ts'
import type { ComputedFamily } from './observe/families.ts'
import { loginFamilies } from './observe/login-families.ts'
import { readSecret } from './read-secret.ts'
import type { PolicyInForce } from './route/policy.ts'
import type { TcpStage } from './tcp/connection.ts'

export interface AuthorizationParts {
  policy: PolicyInForce
  refuse: (exchange: Exchange, failure: Failure) => void
  clock: Clock
  random: () => number
  log: Log
}

/** Who is let in: intentions and tokens where a call arrives, the login of a gateway. */
export interface Authorization {
  /** Before the router of inbound requests. */
  authorized(next: Stage): Stage
  /** Before the router of inbound connections. */
  admitted(next: TcpStage): TcpStage
  /** Before the router of a gateway. */
  loggedIn(next: Stage): Stage
  explainCall(question: CallQuestion): Promise<CallExplanation>
  /** Token providers with what is wrong with their keys. */
  tokenKeys(): { provider: string; problem: string; keys: number }[]
  families(service: string): ComputedFamily[]
  loginFamilies(): ComputedFamily[]
  close(): Promise<void>
}

export function authorization({ policy, refuse, clock, random, log }: AuthorizationParts): Authorization {
  const jwks = jwksFetcher()
  const onKeysChanged = (provider: string, problem: string) =>
    problem === ''
      ? log.info(`keys of token provider ${provider} are there`)
      : log.warn(`keys of token provider ${provider}: ${problem}`)
  const tokens = createTokens({ clock, random, fetchText: jwks.fetchText, onKeysChanged })
  const counts = authorizationCounts()
  const logins = loginCounts()
  const denied = denialLog(clock, log)
  return {
    authorized: next => createAuthorizer({ policy, tokens, counts, denied, log, next, refuse }),
    admitted: next => createConnectionAuthorizer({ policy, counts, denied, next }),
    loggedIn: next =>
      createLogin({
        policy,
        clock,
        log,
        counts: logins,
        readSecret,
        provider: (oidc, secret) => loginProvider(oidc, secret, clock),
        next,
        refuse,
      }),
    explainCall: question => explainCall(policy.current, question, tokens),
    tokenKeys: tokens.standing,
    families: service => authorizationFamilies(counts, tokens, service),
    loginFamilies: () => loginFamilies(logins),
    async close() {
      tokens.close()
      await jwks.close()
    },
  }
}
