import type { Fields } from './exchange.ts'

/** What of gRPC over HTTP/2 concerns a proxy: who speaks it, and how a call ended (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md). */

export const GRPC_CONTENT_TYPE = 'application/grpc'

/** `application/grpc` and `application/grpc+proto`; not gRPC-Web, which is HTTP like any other. */
export function isGrpc(contentType: string | undefined): boolean {
  if (contentType === undefined || !contentType.startsWith(GRPC_CONTENT_TYPE)) return false
  const next = contentType[GRPC_CONTENT_TYPE.length]
  return next === undefined || next === '+' || next === ';' || next === ' '
}

/** The names of status codes, by code: 0 to 16. */
export const GRPC_STATUS_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const

const UNKNOWN = 2
export const GRPC_DEADLINE_EXCEEDED = 4
export const GRPC_RESOURCE_EXHAUSTED = 8
const GRPC_STATUS_MAX = 16

/** The value of grpc-status among fields: -1 when there is none, 2 (UNKNOWN) when it is no status that gRPC knows. */
export function grpcStatusOf(fields: Fields): number {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'grpc-status') continue
    const value = fields[i + 1]!
    const status = /^\d{1,2}$/.test(value) ? Number(value) : UNKNOWN
    return status <= GRPC_STATUS_MAX ? status : UNKNOWN
  }
  return -1
}

/** The gRPC status that stands for an answer made without gRPC (doc/http-grpc-status-mapping.md, as Envoy has it). */
export function grpcStatusOfHttp(status: number): number {
  switch (status) {
    case 400:
      return 13
    case 401:
      return 16
    case 403:
      return 7
    case 404:
      return 12
    case 429:
    case 502:
    case 503:
    case 504:
      return 14
    default:
      return UNKNOWN
  }
}

/** The HTTP status that counts like a gRPC status, as Envoy has it: for outliers, errors and retries. 0 to 16. */
const HTTP_STATUS_OF_GRPC: readonly number[] = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
]

/** As which status an answer counts: that of its call, where one is known (-1: none), else its own. */
export function countedStatus(status: number, grpcStatus: number): number {
  return grpcStatus < 0 ? status : (HTTP_STATUS_OF_GRPC[grpcStatus] ?? 500)
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 }

/** A grpc-timeout in ms, a fraction of one for the smallest; -1: it cannot be read. */
export function grpcTimeoutMs(value: string): number {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value)
  return match === null ? -1 : Number(match[1]) * UNIT_MS[match[2]!]!
}

/** The grpc-timeout for what is left, in at most eight digits, never more than `ms`. */
export function grpcTimeout(ms: number): string {
  if (ms < 1) return `${Math.max(0, Math.floor(ms * 1000))}u`
  return ms < 1e8 ? `${Math.floor(ms)}m` : `${Math.min(99_999_999, Math.floor(ms / 1000))}S`
}

/** Whether a status is the server's fault rather than the caller's: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
export function isGrpcServerFault(status: number): boolean {
  return status === 2 || status === 4 || (status >= 12 && status <= 15)
}

/** grpc-message: what is not printable ASCII, and the percent sign, as %XX of its UTF-8 bytes. */
export function grpcMessage(text: string): string {
  let encoded = ''
  for (const byte of Buffer.from(text)) {
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}
