/** What a client says first (RFC 9113, 3.4). As HTTP/1.1 it is a request of a method that nobody has. */
export const CLIENT_PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

/**
 * Whether a connection that begins with `bytes` speaks HTTP/2 without having said so in TLS (prior knowledge, RFC 9113, 3.3).
 * 'unclear': too few bytes to tell, all as in the preface so far.
 */
export function speaksHttp2(bytes: Buffer): 'yes' | 'no' | 'unclear' {
  const compared = Math.min(bytes.length, CLIENT_PREFACE.length)
  if (bytes.compare(CLIENT_PREFACE, 0, compared, 0, compared) !== 0) return 'no'
  return compared === CLIENT_PREFACE.length ? 'yes' : 'unclear'
}
