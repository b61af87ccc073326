import type { Address } from '../../runtime/address.ts'
import type { Direction } from '../exchange.ts'
import { DEFAULT_HEAD_LIMITS, type HeadLimits } from '../http1/limits.ts'
import type { Http2Limits } from '../http2/limits.ts'
import { DEFAULT_TCP_KEEPALIVE_MS } from '../keepalive.ts'
import type { Security } from './security.ts'

export interface ListenerSettings {
  address: Address
  direction: Direction
  /** How the next connection is taken; undefined: clear text, always. */
  security?: (() => Security) | undefined
  /** Whether HTTP/2 is taken beside HTTP/1.1: in clear text by its preface, over TLS by ALPN. Default: it is. */
  http2?: boolean
  /** Whether CONNECT opens a tunnel; else it is answered 501. */
  allowConnect?: boolean
  /** Whose x-forwarded-* and x-envoy-* fields a gateway believes, by IP address. Default: nobody's. */
  trusts?: (ip: string) => boolean
  limits?: Partial<ListenerLimits>
}

export interface ListenerLimits {
  head: HeadLimits
  connectionsMax: number
  /** Silence after which the kernel asks whether the client is still there (keepalive.ts). 0: never. */
  tcpKeepaliveMs: number
  /** Requests on one connection, then it is closed: long-lived clients get to know new proxies. */
  requestsPerConnectionMax: number
  /** TLS handshakes under way or waiting for their turn. */
  handshakesMax: number
  /** From a connection's first byte to the end of its TLS handshake. */
  handshakeTimeoutMs: number
  /** From the first byte of a head to its last. */
  headTimeoutMs: number
  /** Between two pieces of a request's body, while we are ready to take it. */
  bodyTimeoutMs: number
  /** A connection on which nothing is asked. */
  idleTimeoutMs: number
  /** A client that takes nothing of what waits for it. */
  stallTimeoutMs: number
  /**
   * A client that says nothing to a port which takes TCP both over TLS and in clear text: so long is waited for a TLS client's first byte,
   * then it is taken to be in clear text and to wait for the server to speak first.
   */
  firstByteMs: number
  /** A tunnel on which neither side says anything. */
  tunnelIdleTimeoutMs: number
  /** After an early answer: how much of the request's body is read and dropped to keep the connection. */
  discardBytesMax: number
  /** Bytes of pipelined requests that are kept while an earlier one is answered; past it the socket is not read. */
  pipelinedBytesMax: number
  /** After we closed our side: how long the client's bytes are still taken, so that it can read our answer. */
  lingerMs: number
  /** A connection older than this takes no new requests, and is closed when those under way are over (HTTP/2 alone). 0: none is too old. */
  connectionAgeMaxMs: number
  /** HTTP/2: silence, with requests under way, after which the client is asked whether it is still there (PING). */
  http2KeepaliveMs: number
  /** Of each HTTP/2 connection, beside what is said above of heads and of clients that do not read; the rest as http2/limits.ts has it. */
  http2: Partial<Http2Limits>
}

export const defaultListenerLimits: ListenerLimits = {
  head: DEFAULT_HEAD_LIMITS,
  connectionsMax: 20_000,
  tcpKeepaliveMs: DEFAULT_TCP_KEEPALIVE_MS,
  requestsPerConnectionMax: 1_000_000,
  handshakesMax: 2000,
  handshakeTimeoutMs: 10_000,
  headTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  idleTimeoutMs: 75_000,
  stallTimeoutMs: 60_000,
  firstByteMs: 1000,
  tunnelIdleTimeoutMs: 3_600_000,
  discardBytesMax: 256 * 1024,
  pipelinedBytesMax: 64 * 1024,
  lingerMs: 2000,
  connectionAgeMaxMs: 0,
  http2KeepaliveMs: 30_000,
  http2: {},
}

/** Fields of a head that HTTP/1.1 has in its request line. */
const PSEUDO_FIELDS = 4

/** The bounds of HTTP/2 connections: those that both wires know are the same on both. */
export function http2LimitsOf({ head, headTimeoutMs, stallTimeoutMs, http2 }: ListenerLimits): Partial<Http2Limits> {
  return {
    headerListBytesMax: head.headBytesMax,
    headerFieldsMax: head.fieldsMax + PSEUDO_FIELDS,
    headerBlockTimeoutMs: headTimeoutMs,
    prefaceTimeoutMs: headTimeoutMs,
    stalledStreamMs: stallTimeoutMs,
    ...http2,
  }
}
