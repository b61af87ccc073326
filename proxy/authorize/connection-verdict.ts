import type { Listener } from '../../protocol/snapshot.ts'
import type { Failure } from '../failures.ts'
import { denialOf, notToldYet } from './denial.ts'
import type { Asked } from './rule.ts'
import type { Standing } from './standing.ts'
import { authorize, type Decided } from './verdict.ts'

/** What the intentions say of a connection whose bytes nobody reads. */
export interface ConnectionVerdict {
  /** Undefined: it is let in. */
  failure: Failure | undefined
  /** Undefined: no intention was asked. */
  decided: Decided | undefined
  reason: string
}

const OPEN = 'control tells no intentions, and in clear text nobody is asked who he is'

/** Judges a connection by its caller alone: traffic, connections that stand when intentions change, and explain. */
export function judgeConnection(
  standing: Standing,
  { source, sourceId }: Pick<Asked, 'source' | 'sourceId'>,
  listener: Pick<Listener, 'service' | 'mesh'> | undefined,
): ConnectionVerdict {
  if (standing.status === 'open') return { failure: undefined, decided: undefined, reason: OPEN }
  if (standing.status === 'closed') return { failure: notToldYet, decided: undefined, reason: notToldYet.detail }
  const asked: Asked = { source, sourceId, request: undefined, tokens: noToken }
  const decided = authorize(standing.compiled, asked)
  if (decided.verdict === 'unverified') throw new Error('a connection was judged by a rule that wants a token')
  if (decided.verdict === 'allow') return { failure: undefined, decided, reason: decided.reason }
  const { failure } = denialOf(decided, asked, listener?.service ?? 'this service', listener?.mesh ?? 'mesh')
  return { failure, decided, reason: failure.detail }
}

/** Rules that want one are not among those of connections. */
function noToken(): undefined {
  return undefined
}
