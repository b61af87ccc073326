import type { PolicyInForce } from '../route/policy.ts'
import type { TcpConnection, TcpStage } from '../tcp/connection.ts'
import { type ConnectionVerdict, judgeConnection } from './connection-verdict.ts'
import type { AuthorizationCounts } from './counts.ts'
import type { DenialLog } from './denial-log.ts'
import { type Standing, standingOf } from './standing.ts'

export interface ConnectionAuthorizerParts {
  policy: PolicyInForce
  counts: AuthorizationCounts
  denied: DenialLog
  /** Where a connection goes on that may. */
  next: TcpStage
}

/**
 * The stage that asks who may connect: once for each connection, before the application is dialled, and again for all that stand whenever
 * intentions change. What is denied is reset.
 */
export function createConnectionAuthorizer({ policy, counts, denied, next }: ConnectionAuthorizerParts): TcpStage {
  const open = new Set<TcpConnection>()
  let { listener, intentions } = policy.current
  /** Made when it is first asked for: most services have no TCP to judge. */
  let standing: Standing | undefined

  const judge = (connection: TcpConnection): ConnectionVerdict => {
    standing ??= standingOf({ listener, intentions })
    const verdict = judgeConnection(standing, connection, listener)
    connection.intention = verdict.decided?.intention ?? ''
    return verdict
  }
  const count = ({ decided }: ConnectionVerdict): void => {
    if (decided !== undefined) counts.connectionDecided(decided)
    else if (standing?.status === 'closed') counts.unknown++
  }
  const judgeAgain = (): void => {
    for (const connection of [...open]) {
      const verdict = judge(connection)
      if (verdict.failure === undefined) continue
      count(verdict)
      connection.cut({ ...verdict.failure, detail: `no longer allowed: ${verdict.failure.detail}` })
      denied(connection)
    }
  }
  policy.onReplace(now => {
    if (now.listener === listener && now.intentions === intentions) return
    ;({ listener, intentions } = now)
    standing = undefined
    judgeAgain()
  })

  return connection => {
    const verdict = judge(connection)
    count(verdict)
    if (verdict.failure !== undefined) {
      connection.refuse(verdict.failure)
      denied(connection)
      return
    }
    open.add(connection)
    connection.whenOver(() => open.delete(connection))
    next(connection)
  }
}
