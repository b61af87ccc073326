import type { Configuration } from 'openid-client'
import type { OidcLogin } from '../../../protocol/oidc.ts'
import type { Clock } from '../../../runtime/clock.ts'

/** What has to be remembered while the browser is away to log in. */
export interface Pending {
  state: string
  nonce: string
  verifier: string
  /** The target that was asked for: of this gateway. */
  to: string
}

/** The provider at whom browsers log in: authorization code with PKCE (RFC 6749, 7636; OpenID Connect Core 3.1). */
export interface LoginProvider {
  /** Where to send a browser, and what to remember. Rejects when the provider cannot be had. */
  begin(to: string): Promise<{ url: string; pending: Pending }>
  /** Takes the browser that came back: gives the claims of its ID token. Rejects with the reason. */
  finish(callbackUrl: URL, pending: Pending): Promise<Record<string, unknown>>
  /** Where a browser logs out of the provider, too; undefined: it knows no such place. */
  logoutUrl(): Promise<string | undefined>
}

/** Loaded where there is a login: no other proxy pays for it. */
const library = () => import('openid-client')

const TIMEOUT_S = 5
/** What the provider tells of itself is read anew this often; after a failure not before this. */
const DISCOVERY_MS = 3_600_000
const RETRY_MS = 5000

export function loginProvider(settings: OidcLogin, secret: string, clock: Pick<Clock, 'now'>): LoginProvider {
  const { issuer, clientId, publicUrl, callbackPath, scopes } = settings
  const redirectUri = `${publicUrl}${callbackPath}`
  let discovered: Promise<Configuration> | undefined
  let untilMs = Number.NEGATIVE_INFINITY

  const discover = async (): Promise<Configuration> => {
    const { allowInsecureRequests, ClientSecretBasic, discovery, enableNonRepudiationChecks } = await library()
    const insecure = new URL(issuer).protocol === 'http:' ? [allowInsecureRequests] : []
    const execute = [...insecure, enableNonRepudiationChecks]
    return discovery(new URL(issuer), clientId, undefined, ClientSecretBasic(secret), { execute, timeout: TIMEOUT_S })
  }
  const configuration = (): Promise<Configuration> => {
    if (discovered === undefined || clock.now() >= untilMs) {
      untilMs = clock.now() + DISCOVERY_MS
      discovered = discover()
      discovered.catch(() => {
        untilMs = clock.now() + RETRY_MS
      })
    }
    return discovered
  }
  return {
    async begin(to) {
      const { buildAuthorizationUrl, calculatePKCECodeChallenge, randomNonce, randomPKCECodeVerifier, randomState } =
        await library()
      const pending = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier(), to }
      const url = buildAuthorizationUrl(await configuration(), {
        redirect_uri: redirectUri,
        scope: scopes.join(' '),
        code_challenge: await calculatePKCECodeChallenge(pending.verifier),
        code_challenge_method: 'S256',
        state: pending.state,
        nonce: pending.nonce,
      })
      return { url: url.href, pending }
    },
    async finish(callbackUrl, { state, nonce, verifier }) {
      const { authorizationCodeGrant } = await library()
      const tokens = await authorizationCodeGrant(await configuration(), callbackUrl, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      })
      return { ...tokens.claims() }
    },
    async logoutUrl() {
      const { buildEndSessionUrl } = await library()
      const known = await configuration()
      if (known.serverMetadata().end_session_endpoint === undefined) return undefined
      return buildEndSessionUrl(known, { post_logout_redirect_uri: `${publicUrl}/`, client_id: clientId }).href
    },
  }
}
