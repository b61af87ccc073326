import { fieldOf } from '../../exchange.ts'
import type { Failure } from '../../failures.ts'
import { isGrpc } from '../../grpc.ts'
import type { Http2Connection } from '../../http2/connection.ts'
import type { RequestHead } from '../../http2/heads.ts'
import type { Stream } from '../../http2/stream.ts'
import type { ListenerContext } from '../context.ts'
import { grpcAnswer, proxyAnswer } from '../proxy-answer.ts'

/** The answer to a request that never became an exchange. Its body is not wanted: the codec says so behind the answer. */
export function answerRejectedHttp2(
  { direction }: ListenerContext,
  codec: Http2Connection,
  stream: Stream,
  { method, fields }: RequestHead,
  cause: Failure,
): void {
  const context = { plain: false, outside: direction === 'gateway', date: '', facts: {} }
  if (isGrpc(fieldOf(fields, 'content-type'))) {
    const { head } = grpcAnswer(cause, context)
    codec.head(stream, head.status, head.fields, null, false)
    codec.end(stream, null)
    return
  }
  const { head, body } = proxyAnswer(cause, context)
  codec.head(stream, head.status, head.fields, null, false)
  if (method !== 'HEAD') codec.data(stream, body)
  codec.end(stream, null)
}
