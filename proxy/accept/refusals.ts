import { type Failure, failure } from '../failures.ts'
import type { AnswerWriter } from './answer-writer.ts'
import type { ListenerContext } from './context.ts'
import { proxyAnswer } from './proxy-answer.ts'

/** Why a request that is valid HTTP is not taken by this listener; undefined: it is. */
export function refusalOf(isConnect: boolean, underscoreNames: boolean, context: ListenerContext): Failure | undefined {
  if (isConnect && !context.allowConnect)
    return failure('DPE', 'CONNECT is not taken here; ask for the service by an ordinary request', 501)
  if (context.direction === 'gateway' && underscoreNames)
    return failure('DPE', 'a field name holds an underscore; applications may read it as a dash, so it is not taken')
  return undefined
}

/** Counts a request that is refused, and tells of it. */
export function noteRejection(
  { stats, events, direction }: ListenerContext,
  cause: Failure,
  peerAddress: string,
): void {
  if (cause.flag === 'DT') stats.rqTimeout++
  else stats.rqRejected++
  events.onRejected?.({ failure: cause, direction, peerAddress })
}

/** The answer to a request that never became an exchange. The connection is to be closed behind it. */
export function answerRejected({ direction }: ListenerContext, cause: Failure, writer: AnswerWriter): void {
  const answer = proxyAnswer(cause, { plain: false, outside: direction === 'gateway', date: '', facts: {} })
  writer.begin('', 1)
  writer.head(answer.head, false, false, undefined)
  writer.data(answer.body)
  writer.end(null)
}
