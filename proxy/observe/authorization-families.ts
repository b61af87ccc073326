import type { AuthorizationCounts, IntentionCount } from '../authorize/counts.ts'
import type { Tokens } from '../authorize/jwt/tokens.ts'
import type { ComputedFamily } from './families.ts'

/** Families of who was let in: Envoy's RBAC names, and by intention what Envoy has no name for. */
export function authorizationFamilies(
  counts: AuthorizationCounts,
  tokens: Pick<Tokens, 'standing' | 'knownSize'>,
  localCluster: string,
): ComputedFamily[] {
  const labels = { envoy_http_conn_manager_prefix: 'public_listener', local_cluster: localCluster }
  const sum = (action: 'allow' | 'deny', dryRun: boolean, of: (count: IntentionCount) => number): number => {
    let value = 0
    for (const count of counts.intentions) if (count.action === action && count.dryRun === dryRun) value += of(count)
    return value
  }
  const rbac = (name: string, help: string, action: 'allow' | 'deny', dryRun: boolean): ComputedFamily => ({
    name: `envoy_http_rbac_${name}`,
    help: `Requests ${help}`,
    type: 'unknown',
    values: () => [{ labels, value: sum(action, dryRun, ({ requests, connections }) => requests - connections) }],
  })
  const connectionRbac = (name: string, help: string, action: 'allow' | 'deny', dryRun: boolean): ComputedFamily => ({
    name: `envoy_connect_authz_rbac_${name}`,
    help: `TCP connections ${help}`,
    type: 'unknown',
    values: () => [
      { labels: { local_cluster: localCluster }, value: sum(action, dryRun, ({ connections }) => connections) },
    ],
  })
  return [
    ...[rbac, connectionRbac].flatMap(of => [
      of('allowed', 'that intentions let in.', 'allow', false),
      of('denied', 'that intentions turned away.', 'deny', false),
      of('shadow_allowed', 'that a dry-run intention would have let in.', 'allow', true),
      of('shadow_denied', 'that a dry-run intention would have turned away.', 'deny', true),
    ]),
    {
      name: 'trimtab_intention_requests_total',
      help: 'Requests, and connections of a tcp service, by the intention that decided, or that would have (dry_run).',
      type: 'counter',
      values: () =>
        [...counts.intentions].map(({ intention, action, dryRun, requests }) => ({
          labels: { intention, action, dry_run: String(dryRun), local_cluster: localCluster },
          value: requests,
        })),
    },
    {
      name: 'trimtab_intention_unknown_total',
      help: 'Requests and TCP connections refused because nobody told this proxy who may call.',
      type: 'counter',
      values: () => [{ labels: {}, value: counts.unknown }],
    },
    {
      name: 'trimtab_jwt_tokens_total',
      help: 'Tokens that a decision hung on, by provider and outcome.',
      type: 'counter',
      values: () =>
        [...counts.tokens].map(({ provider, outcome, tokens: value }) => ({ labels: { provider, outcome }, value })),
    },
    {
      name: 'trimtab_jwt_waiting',
      help: 'Requests held while their token is verified.',
      type: 'gauge',
      values: () => [{ labels: {}, value: counts.waiting }],
    },
    {
      name: 'trimtab_jwt_waiting_overflow_total',
      help: 'Requests refused because too many waited for their tokens to be verified.',
      type: 'counter',
      values: () => [{ labels: {}, value: counts.waitingOverflow }],
    },
    {
      name: 'trimtab_jwt_known_tokens',
      help: 'Tokens whose verdict is remembered.',
      type: 'gauge',
      values: () => [{ labels: {}, value: tokens.knownSize }],
    },
    {
      name: 'trimtab_jwt_keys',
      help: 'Keys of a token provider; 0: no token of it can be verified.',
      type: 'gauge',
      values: () => tokens.standing().map(({ provider, keys }) => ({ labels: { provider }, value: keys })),
    },
    {
      name: 'trimtab_jwt_key_fetches_total',
      help: 'Readings of the keys of a token provider, by outcome.',
      type: 'counter',
      values: () =>
        tokens.standing().flatMap(({ provider, fetched }) => [
          { labels: { provider, outcome: 'ok' }, value: fetched.ok },
          { labels: { provider, outcome: 'failed' }, value: fetched.failed },
        ]),
    },
  ]
}
