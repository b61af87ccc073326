import type { Registry } from 'prom-client'
import type { Clock } from '../runtime/clock.ts'
import { asked } from './events.ts'
import { daysLeft, type Identity } from './identity/identity.ts'
import type { TokenBook } from './identity/token-book.ts'
import type { IdentityStore } from './state/identity-store.ts'

/** What /metrics asks of identity at each scrape. */
export function identityGauges(
  registry: Registry,
  { identity, store, tokens, clock }: { identity: Identity; store: IdentityStore; tokens: TokenBook; clock: Clock },
): void {
  const { authorities } = identity
  asked(registry, 'root_expires_days', 'Days until a trusted root ends', ['root'], () =>
    authorities
      .trusted()
      .map(({ fingerprint, certificate }) => [{ root: fingerprint.slice(0, 16) }, daysLeft(certificate, clock.wall())]),
  )
  asked(registry, 'own_certificate_expires_days', "Days until control's own TLS certificate ends", [], () =>
    identity.own.untilMs === undefined ? [] : [[{}, (identity.own.untilMs - clock.wall()) / 86_400_000]],
  )
  asked(registry, 'certificates_valid', 'Certificates of proxies that are valid now', ['service'], () =>
    [...Map.groupBy(store.counts(clock.wall()), ({ service }) => service)].map(([service, counts]) => [
      { service },
      counts.reduce((total, { certificates }) => total + certificates, 0),
    ]),
  )
  asked(registry, 'authority_ready', '0 while no certificate can be issued', [], () => [
    [{}, authorities.issuing(clock.wall()).status === 'ready' ? 1 : 0],
  ])
  asked(registry, 'trusted_roots', 'Roots that are trusted: two while the root is being rotated', [], () => [
    [{}, authorities.trusted().length],
  ])
  asked(registry, 'tokens', 'Tokens that are kept, by kind', ['kind'], () =>
    [...Map.groupBy(tokens.list(), ({ kind }) => kind)].map(([kind, found]) => [{ kind }, found.length]),
  )
}
