// Hot path: the head that goes to the upstream.
import { type Exchange, type Fields, fieldOf } from '../exchange.ts'
import { grpcTimeout, grpcTimeoutMs } from '../grpc.ts'
import { framingToUpstream } from '../http1/framing.ts'
import { connectionToUpstream } from '../http1/hop-by-hop.ts'
import { serializeRequestHead } from '../http1/serialize.ts'
import type { MessageWriter } from '../message-writer.ts'

/** Gives the writer the head of the exchange's request. Host says what `authority` says, which a route may have rewritten. */
export function writeRequestHead(exchange: Exchange, writer: MessageWriter): void {
  const { request } = exchange
  const framing = framingToUpstream(request.hasBody, request.contentLength)
  const text = serializeRequestHead(
    request.method,
    request.target,
    withHost(request.fields, request.authority),
    framing,
    connectionToUpstream(true, request.acceptsTrailers, request.upgrade !== ''),
    request.upgrade,
  )
  writer.head(text, framing)
}

function withHost(fields: Fields, authority: string): Fields {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'host') continue
    fields[i + 1] = authority
    return fields
  }
  return ['host', authority].concat(fields)
}

const REQUEST_TIMEOUT = 'x-envoy-upstream-rq-timeout-ms'
const TRY_TIMEOUT = 'x-envoy-upstream-rq-per-try-timeout-ms'

const GRPC_TIMEOUT = 'grpc-timeout'

/** A caller of gRPC says how long it waits; that stays in the request, and shrinks with every hop (see tellGrpcTimeout). */
function takeGrpcTimeout(exchange: Exchange): void {
  const value = fieldOf(exchange.request.fields, GRPC_TIMEOUT)
  const askedMs = value === undefined ? -1 : grpcTimeoutMs(value)
  if (askedMs < 0) return
  const askedUntilMs = exchange.startedMs + askedMs
  // From outside it may only make a deadline shorter.
  const isBounded = exchange.direction === 'gateway' && exchange.deadlineMs > 0
  exchange.deadlineMs = isBounded ? Math.min(exchange.deadlineMs, askedUntilMs) : askedUntilMs
}

/** Writes what is left of its time into a gRPC request that names one. */
export function tellGrpcTimeout(fields: Fields, leftMs: number): void {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === GRPC_TIMEOUT) fields[i + 1] = grpcTimeout(leftMs)
}

/**
 * Takes the timeouts that a caller within the mesh asks for out of the request: the whole one becomes the exchange's deadline (0: none),
 * the one of each try is returned in ms, -1 when it is not given. At a gateway they come from outside and are not looked at.
 */
export function takeCallersTimeouts(exchange: Exchange): number {
  if (exchange.grpc) takeGrpcTimeout(exchange)
  if (exchange.direction === 'gateway') return -1
  const { fields } = exchange.request
  let tryTimeoutMs = -1
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (name.length !== REQUEST_TIMEOUT.length && name.length !== TRY_TIMEOUT.length) continue
    if (name !== REQUEST_TIMEOUT && name !== TRY_TIMEOUT) continue
    const value = fields[i + 1]!
    fields.splice(i, 2)
    i -= 2
    if (!/^\d{1,9}$/.test(value)) continue
    if (name === TRY_TIMEOUT) tryTimeoutMs = Number(value)
    else exchange.deadlineMs = Number(value) === 0 ? 0 : exchange.startedMs + Number(value)
  }
  return tryTimeoutMs
}
