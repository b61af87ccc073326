import Type, { type Static } from 'typebox'
import { TextMatch } from './text-match.ts'

/**
 * Section `intentions`: who may call the service that hears it, and what. Rules stand in the order in which they are tried (control sorts
 * them: the more exact of source and destination first, as in Consul; of equals, deny before allow; then as written). The first whose every
 * part fits decides, save for dry-run ones, which only count; when none fits, the default does.
 */

/** Who calls, by what its certificate says. Exactly one of the fields stands; in clear text `services` and `spiffe` fit nobody. */
const Source = Type.Object({
  /**
   * Everybody. What an allow rule lets in has an identity of this mesh; a deny rule turns away those who show none as well: nobody gets past
   * it by hiding who he is.
   */
  any: Type.Optional(Type.Literal(true)),
  /** Services and gateways of this mesh, by name. */
  services: Type.Optional(Type.Array(Type.String())),
  /** A SPIFFE id; a final `*` stands for whatever follows. */
  spiffe: Type.Optional(Type.String()),
})

export const Intention = Type.Object({
  /** In answers, metrics and spans: `expense allow 1`. Unique within the section. */
  name: Type.String({ minLength: 1, maxLength: 200 }),
  action: Type.Union([Type.Literal('allow'), Type.Literal('deny')]),
  /** Decides nothing: counts what it would have decided. */
  dryRun: Type.Boolean(),
  /** Consul's number: 9 exact -> exact, 8 * -> exact, 6 exact -> *, 5 * -> *. */
  precedence: Type.Integer({ minimum: 1, maximum: 9 }),
  source: Source,
  /** Upper case; absent: every method. */
  methods: Type.Optional(Type.Array(Type.String())),
  /** At most one of the three; none: every path. */
  path: Type.Optional(Type.String()),
  pathPrefix: Type.Optional(Type.String()),
  pathRegex: Type.Optional(Type.String()),
  headers: Type.Optional(Type.Record(Type.String(), TextMatch)),
  /** A token of this provider must be there, be valid, and have these claims (dots lead into objects; of a list, and of the words of `scope`, one must fit). */
  jwt: Type.Optional(Type.Object({ provider: Type.String(), claims: Type.Record(Type.String(), TextMatch) })),
})
export type Intention = Static<typeof Intention>

/** Whose tokens are taken, and where they are found. */
export const JwtProvider = Type.Object({
  issuer: Type.String(),
  /** One of these must stand in `aud`. */
  audiences: Type.Array(Type.String()),
  /**
   * Where the keys are fetched from, or the keys themselves (the text of a JWKS file that control read). Neither stands where no rule asks
   * for this provider's tokens: its `forward` headers are removed all the same.
   */
  jwksUrl: Type.Optional(Type.String()),
  jwks: Type.Optional(Type.String()),
  clockSkewMs: Type.Number({ minimum: 0 }),
  /** Lower case; in `authorization` the word Bearer stands before the token. */
  header: Type.String(),
  /** Claim -> header that tells it to the application. Such headers from anybody else are removed. */
  forward: Type.Record(Type.String(), Type.String()),
})
export type JwtProvider = Static<typeof JwtProvider>

export const Intentions = Type.Object({
  default: Type.Union([Type.Literal('allow'), Type.Literal('deny')]),
  rules: Type.Array(Intention),
  jwt: Type.Record(Type.String(), JwtProvider),
})
export type Intentions = Static<typeof Intentions>
