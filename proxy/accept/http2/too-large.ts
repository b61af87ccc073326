// Hot path: one sum per head. What becomes of an answer that is more than the client's settings say it takes (RFC 9113, 6.5.2).
import { type Exchange, type Fields, fieldOf, type ResponseHead } from '../../exchange.ts'
import { type Failure, failure } from '../../failures.ts'
import { grpcStatusOf } from '../../grpc.ts'
import { fieldsListBytes } from '../../http2/list-size.ts'
import { grpcAnswer, grpcEnd, proxyAnswer } from '../proxy-answer.ts'

/** A client that is sent more than it takes may end the connection, and with it its other requests: this goes out instead. */
export function insteadOfHead(
  { grpc }: Exchange,
  bytes: number,
  bytesMax: number,
): { cause: Failure; answer: { head: ResponseHead; body: Buffer } } {
  const cause = tooLarge('fields', bytes, bytesMax, grpc)
  const context = { plain: false, outside: false, date: '', facts: {} }
  return { cause, answer: grpc ? grpcAnswer(cause, context) : proxyAnswer(cause, context) }
}

/**
 * The trailers, or what of them the client takes: of a failed call its status and message, of a good one a status that says what happened.
 * Those of anything else may be left out (RFC 9110, 6.5.1). Notes a new status and its reason in the exchange.
 */
export function trailersThatFit(exchange: Exchange, trailers: Fields, bytesMax: number): Fields | null {
  const bytes = fieldsListBytes(trailers)
  if (bytes <= bytesMax) return trailers
  if (!exchange.grpc) return null
  const status = grpcStatusOf(trailers)
  const end = ['grpc-status', String(status), 'grpc-message', fieldOf(trailers, 'grpc-message') ?? '']
  if (status > 0 && fieldsListBytes(end) <= bytesMax) return end
  const cause = tooLarge('trailers', bytes, bytesMax, true)
  const told = grpcEnd(cause, false)
  exchange.failure = cause
  exchange.grpcStatus = grpcStatusOf(told)
  return told
}

function tooLarge(what: string, bytes: number, bytesMax: number, grpc: boolean): Failure {
  const said = `the answer's ${what} are ${bytes} bytes, and the client takes ${bytesMax} (its SETTINGS_MAX_HEADER_LIST_SIZE)`
  // 431 is RESOURCE_EXHAUSTED in a call's words; as a status of HTTP it would blame the client.
  return failure('UPE', `${said}; let the client take more, or send less`, grpc ? 431 : 502)
}
