import { type Failure, failure } from '../failures.ts'
import type { Breakage } from './carrier.ts'
import type { TryEnd } from './retry.ts'
import type { ClusterStats } from './stats.ts'

/** What a try that broke is to the retry policy, and what its caller is told. `at`: which endpoint, for people. Counts it. */
export function brokenTry(
  cause: Exclude<Breakage, 'too-large'>,
  at: string,
  detail: string,
  stats: ClusterStats,
): { end: TryEnd; failure: Failure } {
  switch (cause) {
    case 'connect':
    case 'connect-timeout':
      return { end: 'connect-failure', failure: failure('UF', `could not connect to ${at}: ${detail}`) }
    case 'invalid':
      stats.cxProtocolError++
      return { end: 'reset', failure: failure('UPE', `${at} did not answer in valid HTTP: ${detail}`) }
    case 'refused':
      stats.rqRxReset++
      return { end: 'refused-stream', failure: failure('UC', `${at} did nothing with it: ${detail}`) }
    case 'stale':
    case 'reset':
      stats.rqRxReset++
      stats.cxDestroyRemote++
      return { end: 'reset', failure: failure('UC', `${at} broke off: ${detail}`) }
  }
}
