import type { Fields } from '../exchange.ts'

/** A request's head as it came: pseudo-header fields parted, the rest flat. Sound by RFC 9113, 8. */
export interface RequestHead {
  method: string
  /** '' for CONNECT without :protocol. */
  scheme: string
  /** From :authority, or else Host. '' when there was neither. */
  authority: string
  /** With query; `*` for OPTIONS; '' for CONNECT without :protocol. */
  path: string
  /** Of an extended CONNECT (RFC 8441), else ''. */
  protocol: string
  /** Host is not among them: `authority` says it. Several cookie fields are one (8.2.3). `te` is `trailers`, if it is there. */
  fields: Fields
  /** -1: none given. */
  contentLength: number
  expectContinue: boolean
  acceptsTrailers: boolean
  /** A field name holds an underscore: some applications read it as a dash, so outsiders can forge fields with it. */
  underscoreNames: boolean
  /** Names of fields that are to stay never-indexed literals on every hop, null: none (RFC 7541, 6.2.3). */
  neverIndexed: readonly string[] | null
  /** Past headerListBytesMax or headerFieldsMax: nothing was kept but the content-type, all else here is empty. To be answered 431. */
  tooLarge: boolean
}

export interface ResponseHead {
  /** 200 to 999, or of an informational one 100, 102 to 199. */
  statusCode: number
  fields: Fields
  /** -1: none given. */
  contentLength: number
  neverIndexed: readonly string[] | null
}

/** What `open` sends. For CONNECT without `protocol`, scheme and path are not sent. */
export interface RequestToSend {
  method: string
  scheme: string
  /** '' : no :authority is sent. */
  authority: string
  path: string
  protocol: string
  /** End-to-end fields. Host is left out: `authority` says it; so are fields of an HTTP/1.1 connection. */
  fields: Readonly<Fields>
  neverIndexed: readonly string[] | null
}
