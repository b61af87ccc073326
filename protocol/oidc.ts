import Type, { type Static } from 'typebox'

/** In section `listener` of a gateway: browsers log in with an OpenID Connect provider before they are let in. */
export const OidcLogin = Type.Object({
  issuer: Type.String(),
  clientId: Type.String(),
  /** Read by the gateway's proxy on its own machine: a secret does not travel. */
  clientSecretFile: Type.String(),
  /** Origin under which browsers know the gateway, without a final slash. */
  publicUrl: Type.String(),
  scopes: Type.Array(Type.String()),
  callbackPath: Type.String(),
  logoutPath: Type.String(),
  sessionMs: Type.Number({ minimum: 1 }),
  cookie: Type.String(),
  /** Path prefixes that need a login, and those below them that do not: the longest that fits counts. */
  protect: Type.Array(Type.String()),
  open: Type.Array(Type.String()),
  /** Claim -> header that tells it further in. Such headers from outside are removed. */
  forward: Type.Record(Type.String(), Type.String()),
})
export type OidcLogin = Static<typeof OidcLogin>
