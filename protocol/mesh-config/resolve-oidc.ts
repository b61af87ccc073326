import type { OidcLogin } from '../oidc.ts'
import { filled } from './defaults.ts'
import { known, milliseconds } from './resolve-values.ts'
import { oidcField } from './schema.ts'
import type { OidcWritten } from './schema-oidc.ts'

const hostPrefix = '__Host-'

/** A gateway's login with every default applied. Where the wire is TLS, the cookie can be set by this very host alone (RFC 6265bis, 4.1.3). */
export function resolveOidc(given: OidcWritten): OidcLogin {
  const written = filled(oidcField, given) as OidcWritten
  const publicUrl = new URL(written.publicUrl).origin
  const cookie = known(written.cookie)
  return {
    issuer: written.issuer,
    clientId: written.clientId,
    clientSecretFile: written.clientSecretFile,
    publicUrl,
    scopes: known(written.scopes),
    callbackPath: known(written.callbackPath),
    logoutPath: known(written.logoutPath),
    sessionMs: milliseconds(written.session),
    cookie: publicUrl.startsWith('https:') && !cookie.startsWith(hostPrefix) ? hostPrefix + cookie : cookie,
    protect: known(written.protect),
    open: known(written.open),
    forward: Object.fromEntries(
      Object.entries(known(written.forward)).map(([claim, header]) => [claim, header.toLowerCase()]),
    ),
  }
}
