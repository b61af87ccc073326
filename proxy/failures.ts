/** Every way in which the proxy itself ends a request, with the answer it makes of it. The one place that maps failures to HTTP. */

export type FailureFlag =
  | 'UH'
  | 'UF'
  | 'UO'
  | 'UT'
  | 'UC'
  | 'UPE'
  | 'NR'
  | 'RL'
  | 'UAEX'
  | 'DC'
  | 'URX'
  | 'DPE'
  | 'DT'
  | 'LH'
  | 'SI'

export interface Failure {
  /** Envoy's response flag. */
  flag: FailureFlag
  /** The word in x-trimtab-reason, metrics and spans. */
  reason: string
  /** What happened and what to do, for a person. May hold addresses: shown toward the mesh only. */
  detail: string
  status: number
}

const statusOf: Record<FailureFlag, number> = {
  UH: 503,
  UF: 503,
  UO: 503,
  UT: 504,
  UC: 503,
  UPE: 502,
  NR: 404,
  RL: 429,
  UAEX: 403,
  DC: 499,
  URX: 503,
  DPE: 400,
  DT: 408,
  LH: 503,
  SI: 504,
}

const reasonOf: Record<FailureFlag, string> = {
  UH: 'no-healthy-upstream',
  UF: 'connect-failure',
  UO: 'overflow',
  UT: 'upstream-timeout',
  UC: 'upstream-reset',
  UPE: 'bad-upstream-response',
  NR: 'no-route',
  RL: 'rate-limited',
  UAEX: 'denied',
  DC: 'client-left',
  URX: 'retries-spent',
  DPE: 'bad-request',
  DT: 'request-timeout',
  LH: 'draining',
  SI: 'idle-timeout',
}

/** A failure of its kind; `status` only where the kind has several (a bad request may be 400, 414, 431, 501 or 505). */
export function failure(flag: FailureFlag, detail: string, status: number = statusOf[flag]): Failure {
  return { flag, reason: reasonOf[flag], detail, status }
}

/** The classes in which reports count errors; undefined: not the upstream's fault. */
export type ErrorClass = 'http5xx' | 'gateway' | 'reset' | 'timeout'

/** The class of a finished request or attempt by its failure and status. 502, 503 and 504 are gateway errors, as in Envoy. */
export function errorClassOf(status: number, cause: Failure | undefined): ErrorClass | undefined {
  if (cause !== undefined) {
    switch (cause.flag) {
      case 'UT':
        return 'timeout'
      case 'UC':
        return 'reset'
      case 'UF':
      case 'UH':
      case 'UO':
      case 'UPE':
      case 'URX':
        return 'gateway'
      default:
        return undefined
    }
  }
  if (status >= 502 && status <= 504) return 'gateway'
  return status >= 500 ? 'http5xx' : undefined
}
