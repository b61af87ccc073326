import Type, { type Static } from 'typebox'
import { block, duration, list, named, text } from './fields.ts'

const opt = Type.Optional

/** How browsers log in at a gateway, as a person writes it. */
export const oidc = block(
  {
    issuer: text('url', {
      description: 'The provider; its discovery document is below it.',
      example: 'https://login.example',
    }),
    clientId: text('text', { description: 'The id that the provider knows this gateway by.' }),
    clientSecretFile: text('file', {
      description:
        'File with the client’s secret, on the gateway’s own machine; chmod 600. A new secret ends every session.',
      example: '/etc/trimtab/oidc-secret',
    }),
    publicUrl: text('url', {
      description: 'Under which origin browsers know this gateway.',
      example: 'https://shop.example',
    }),
    scopes: opt(
      list(text('text', { description: 'A scope.' }), 20, {
        description: 'What is asked for; openid must be among them.',
        default: ['openid', 'profile', 'email'],
        minItems: 1,
      }),
    ),
    callbackPath: opt(
      text('path', { description: 'Where browsers come back to; the redirect URI.', default: '/oauth2/callback' }),
    ),
    logoutPath: opt(text('path', { description: 'Ends the session.', default: '/oauth2/logout' })),
    session: opt(duration({ description: 'How long a login lasts.', default: '8h', least: '1m', most: '30d' })),
    cookie: opt(
      text('cookieName', {
        description: 'The session’s cookie; with https it gets the prefix __Host-.',
        default: 'trimtab-session',
      }),
    ),
    protect: opt(
      list(text('path', { description: 'A path prefix.' }), 100, {
        description: 'What needs a login; the longest prefix of protect and open decides.',
        default: ['/'],
        minItems: 1,
      }),
    ),
    open: opt(
      list(text('path', { description: 'A path prefix.' }), 100, {
        description: 'What below that needs none.',
        default: [],
        example: '[/assets]',
      }),
    ),
    forward: opt(
      named('text', text('fieldName', { description: 'A header.' }), 20, {
        description:
          'Claims of the ID token that are told further in, by header. Such headers from outside are removed.',
        default: {},
        example: '{ email: x-user }',
      }),
    ),
  },
  { description: 'Browsers log in with an OpenID Connect provider (code with PKCE) before they are let in.' },
)

export type OidcWritten = Static<typeof oidc>
