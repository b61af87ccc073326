import type { LoginCounts } from '../authorize/oidc/counts.ts'
import type { ComputedFamily } from './families.ts'

/** Families of logins at a gateway. */
export function loginFamilies(counts: LoginCounts): ComputedFamily[] {
  return [
    {
      name: 'trimtab_login_total',
      help: 'Logins of browsers by what became of them; begun and not finished: the browser did not come back.',
      type: 'counter',
      values: () =>
        (['begun', 'finished', 'failed', 'loggedOut'] as const).map(step => ({
          labels: { step: step === 'loggedOut' ? 'logged_out' : step },
          value: counts[step],
        })),
    },
    {
      name: 'trimtab_login_requests_total',
      help: 'Requests that need a login, with a session and without.',
      type: 'counter',
      values: () => [
        { labels: { session: 'true' }, value: counts.sessions },
        { labels: { session: 'false' }, value: counts.asked },
      ],
    },
  ]
}
