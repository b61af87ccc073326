// Hot path: byte classes of HTTP/1.1 as lookup tables, so that a scanner asks one array read per byte.

export const HTAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SP = 0x20
export const COLON = 0x3a

const TOKEN_PUNCTUATION = "!#$%&'*+-.^_`|~"
/** Of sub-delims the comma is left out: a comma in a host is two hosts that somebody joined. */
const AUTHORITY_PUNCTUATION = "-._~!$&'()*+;=%:[]"

function tableOf(classOf: (code: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => classOf(code))
}

function isAlphanumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
}

function lowered(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + 0x20 : code
}

/** The lower-cased code of a token character (RFC 9110, 5.6.2), 0 for every other byte. */
export const TOKEN_LOWER = tableOf(code =>
  isAlphanumeric(code) || TOKEN_PUNCTUATION.includes(String.fromCharCode(code)) ? lowered(code) : 0,
)

/**
 * 1 for visible ASCII without `#`: what a request target may hold. Some of these (`|`, `{`, `"`) are not in RFC 3986,
 * but clients send them and no peer takes them for a delimiter. A fragment never belongs on the wire (RFC 9112, 3.2).
 */
export const TARGET = tableOf(code => (code > SP && code < 0x7f && code !== 0x23 ? 1 : 0))

/** 1 for what a host with an optional port may be spelt with (RFC 3986, 3.2.2, without userinfo). */
export const AUTHORITY = tableOf(code =>
  isAlphanumeric(code) || AUTHORITY_PUNCTUATION.includes(String.fromCharCode(code)) ? 1 : 0,
)

/** The value of a hexadecimal digit plus one, 0 for every other byte. */
export const HEX_PLUS_ONE = tableOf(code => {
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 1
  const letter = lowered(code)
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 11 : 0
})
