import type { Checks } from '../runtime/ops.ts'
import type { Role } from './role.ts'
import type { Policy } from './route/policy.ts'

/** What /ready looks at. Only what stops requests is required: without control, collector or a full disk, traffic flows. */
export interface Standing {
  role: Role
  policy: Policy
  failed: boolean
  draining: boolean
  control: { connected: boolean; problem: string; refused: { epoch: number; reason: string } | undefined } | undefined
  reportProblem: string
  spansProblem: string
  app: { reachable: boolean; detail: string } | undefined
  identity: { ok: boolean; detail: string } | undefined
  /** A gateway's certificate files: what is in force, and what is wrong with them, '' when nothing is. */
  files: { current: object | undefined; problem: string }
  /** Token providers with what is wrong with their keys; '' when nothing is. */
  tokenKeys: { provider: string; problem: string; keys: number }[]
}

export function checksOf(standing: Standing): Checks {
  const { policy, control } = standing
  const hasPolicy = standing.role.kind === 'alone' || policy.listener !== undefined
  const checks: Checks = {
    policy: {
      ok: hasPolicy,
      required: true,
      detail: hasPolicy ? `epoch ${policy.epoch}` : 'no snapshot yet, neither from control nor on disk',
    },
    admin: {
      ok: !standing.failed,
      required: true,
      detail: standing.failed ? 'told to fail by POST /healthcheck/fail' : 'not told to fail',
    },
    draining: {
      ok: !standing.draining,
      required: true,
      detail: standing.draining ? 'draining: takes no new connections' : 'takes connections',
    },
  }
  if (control !== undefined) {
    const refused =
      control.refused === undefined ? '' : `; snapshot ${control.refused.epoch} refused: ${control.refused.reason}`
    checks['control'] = {
      ok: control.connected && control.refused === undefined,
      required: false,
      detail: (control.connected ? 'connected' : control.problem) + refused,
    }
  }
  if (standing.app !== undefined)
    checks['application'] = { ok: standing.app.reachable, required: false, detail: standing.app.detail }
  if (standing.identity !== undefined) checks['identity'] = { ...standing.identity, required: false }
  for (const { provider, problem, keys } of standing.tokenKeys)
    checks[`jwt ${provider}`] = {
      ok: problem === '',
      required: false,
      detail:
        problem === ''
          ? `${keys} keys`
          : `${problem}; ${keys === 0 ? 'no token can be verified' : `${keys} keys from before`}`,
    }
  if (policy.listener?.tls !== undefined)
    checks['tls'] = {
      ok: standing.files.problem === '',
      required: standing.files.current === undefined,
      detail: standing.files.problem || 'the certificates for users are in force',
    }
  checks['report'] = { ok: standing.reportProblem === '', required: false, detail: standing.reportProblem || 'heard' }
  checks['spans'] = { ok: standing.spansProblem === '', required: false, detail: standing.spansProblem || 'sent' }
  return checks
}
