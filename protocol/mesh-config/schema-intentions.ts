import Type, { type Static } from 'typebox'
import { block, duration, flag, list, named, text, textOr, word } from './fields.ts'
import { headers, methods, onePath, paths, textMatch } from './schema-route.ts'

/** Who may call whom, as a person writes it: rules at the services, rules over all of them, and whose tokens are believed. */

const opt = Type.Optional

const ruleParts = {
  from: text('source', {
    description:
      'Who calls: a service, a gateway, gateway (any of them), "*", or a SPIFFE id; a final * fits whatever follows.',
  }),
  name: opt(
    text('ruleName', {
      description: 'In answers, metrics, spans and explain; <service> allow <position> unless written.',
    }),
  ),
  methods: opt(methods),
  ...paths,
  headers: opt(headers),
  jwt: opt(
    block(
      {
        provider: text('label', { description: 'One of the providers under `jwt`.' }),
        claims: opt(
          named('text', textOr('text', textMatch, { description: 'The exact value, or a block.' }), 20, {
            description:
              'Every claim named here fits. Dots lead into objects (realm.role); of a list, and of the words of scope, one has to fit.',
            default: {},
            example: '{ groups: admin }',
          }),
        ),
      },
      { description: 'A valid token of this provider must be there, and have these claims.' },
    ),
  ),
  dryRun: opt(flag({ description: 'true: decides nothing, only counts what it would have decided.', default: false })),
}

const ruleList = (description: string, notes: { description: string; example: string }) =>
  list(block(ruleParts, { description, atMostOneOf: onePath }), 1000, { ...notes, default: [] })

export const allow = ruleList('One kind of call that is let in.', {
  description: 'Who may call, and what; for a service outside the mesh, who alone.',
  example: '[{ from: report, methods: [GET], path: /api }]',
})
export const deny = ruleList('One kind of call that is turned away.', {
  description: 'Who may not call, and what, although a rule below would let it in.',
  example: '[{ from: "*", pathPrefix: /admin }]',
})

export const intentions = block(
  {
    default: opt(
      word(['deny', 'allow'], { description: 'What happens to a call that no rule fits.', default: 'deny' }),
    ),
    rules: opt(
      list(
        block(
          {
            ...ruleParts,
            to: text('destination', { description: 'Who is called: a service, or "*" for every service.' }),
            action: word(['allow', 'deny'], { description: 'What happens to a call that fits.' }),
          },
          { description: 'One rule.', atMostOneOf: onePath },
        ),
        1000,
        {
          description: 'Rules that stand for more than one service, or apart from it.',
          default: [],
          example: '[{ from: "*", to: "*", action: deny, pathPrefix: /internal }]',
        },
      ),
    ),
  },
  { description: 'Who may call whom, beside what the services say themselves.', default: {} },
)

const jwks = block(
  {
    file: opt(text('file', { description: 'A JWKS file, relative to this file; watched.', example: 'keys.json' })),
    url: opt(
      text('url', {
        description: 'Where each proxy fetches the keys, and fetches them anew.',
        example: 'https://login.example/.well-known/jwks.json',
      }),
    ),
  },
  { description: 'The public keys.', atMostOneOf: ['file', 'url'], atLeastOneOf: ['file', 'url'] },
)

export const jwtProviders = named(
  'label',
  block(
    {
      issuer: text('text', {
        description: 'The `iss` of its tokens, to the letter.',
        example: 'https://login.example',
      }),
      audiences: list(text('text', { description: 'An audience.' }), 20, {
        description: 'One of these must stand in `aud`.',
        minItems: 1,
        example: '[expense]',
      }),
      jwks,
      clockSkew: opt(duration({ description: 'How far the clocks may be apart.', default: '30s', most: '5m' })),
      header: opt(
        text('fieldName', {
          description: 'Where the token is; in authorization the word Bearer stands before it.',
          default: 'authorization',
        }),
      ),
      forward: opt(
        named('text', text('fieldName', { description: 'A header.' }), 20, {
          description: 'Claims that the application is told, by header. Such headers from anybody else are removed.',
          default: {},
          example: '{ sub: x-user }',
        }),
      ),
    },
    { description: 'One provider of tokens.' },
  ),
  50,
  { description: 'Whose tokens are believed (JWT), by the name that rules use.', default: {} },
)

export type RuleWritten = Static<typeof allow>[number]
export type IntentionsWritten = Static<typeof intentions>
export type JwtWritten = Static<typeof jwtProviders>
