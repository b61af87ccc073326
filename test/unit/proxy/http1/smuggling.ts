const HIDDEN = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
const START = 'POST / HTTP/1.1\r\nHost: a\r\n'

const lengthOf = (text: string) => `Content-Length: ${text.length}\r\n`
const CHUNKED_HIDDEN = `0\r\n\r\n${HIDDEN}`

/** Two framings: whoever believes the length sees one request, whoever believes the coding sees two. */
const obfuscated = (line: string) => `${START}${lengthOf(CHUNKED_HIDDEN)}${line}\r\n\r\n${CHUNKED_HIDDEN}`

/** One framing whose spelling decides whether there is a body at all. */
const alone = (line: string) => `${START}${line}\r\n\r\n${CHUNKED_HIDDEN}`

/** Attacks known from literature and advisories, each with a second request that some parser would see. */
export const SMUGGLING: (readonly [attack: string, wire: string])[] = [
  ['CL.TE', obfuscated('Transfer-Encoding: chunked')],
  [
    'TE.CL',
    `${START}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
  ],
  ['TE with a space before the colon', obfuscated('Transfer-Encoding : chunked')],
  ['TE with a tab before the colon', obfuscated('Transfer-Encoding\t: chunked')],
  ['TE with a vertical tab in the value', alone('Transfer-Encoding: \x0bchunked')],
  ['TE with a NUL in the name', obfuscated('Transfer-Encoding\0: chunked')],
  ['TE in a folded line', obfuscated('X: y\r\n Transfer-Encoding: chunked')],
  ['TE whose value is folded', alone('Transfer-Encoding:\r\n chunked')],
  ['TE behind a bare LF', obfuscated('X: y\nTransfer-Encoding: chunked')],
  ['TE behind a bare CR', obfuscated('X: y\rTransfer-Encoding: chunked')],
  ['TE with a bare LF before the colon', obfuscated('Transfer-Encoding\n: chunked')],
  ['TE identity, then chunked', alone('Transfer-Encoding: identity\r\nTransfer-Encoding: chunked')],
  ['TE chunked, then identity', alone('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity')],
  ['TE chunked in a list', alone('Transfer-Encoding: identity, chunked')],
  ['TE in quotes', alone('Transfer-Encoding: "chunked"')],
  ['TE misspelt', alone('Transfer-Encoding: xchunked')],
  ['CL twice', `${START}${lengthOf('')}${lengthOf(HIDDEN)}\r\n${HIDDEN}`],
  ['CL as a list', `${START}Content-Length: 0, ${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  ['CL with a sign', `${START}Content-Length: +${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  ['CL in hexadecimal', `${START}Content-Length: 0x${HIDDEN.length.toString(16)}\r\n\r\n${HIDDEN}`],
  ['CL beyond 64 bits', `${START}Content-Length: 18446744073709551616\r\n\r\n${HIDDEN}`],
  ['CL with a space before the colon', `${START}Content-Length : ${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  ['CL behind the end of the head by a bare LF', `${START}X: y\n\nContent-Length: 0\r\n\r\n${HIDDEN}`],
  ['a chunk extension with a bare LF', `${START}Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n0\r\n\r\n${HIDDEN}`],
  ['a chunk extension with a bare CR', `${START}Transfer-Encoding: chunked\r\n\r\n2;\rxx\r\n0\r\n\r\n${HIDDEN}`],
  ['a chunk size beyond 64 bits', `${START}Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n${HIDDEN}`],
  ['a chunk size with a prefix', `${START}Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n${HIDDEN}`],
  ['a chunk size with a space', `${START}Transfer-Encoding: chunked\r\n\r\n0 \r\n\r\n${HIDDEN}`],
  ['a chunk whose end is not CR LF', `${START}Transfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n${HIDDEN}`],
  ['a trailer section ended by a bare LF', `${START}Transfer-Encoding: chunked\r\n\r\n0\r\n\n${HIDDEN}`],
  ['TE in HTTP/1.0', `POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED_HIDDEN}`],
  ['a request line within a target', `GET / HTTP/1.1\r\nX: ${'y'.repeat(10)}\0\r\nHost: a\r\n\r\n${HIDDEN}`],
  ['a line end within a target', `GET /\n${HIDDEN}`],
  ['CONNECT with a body', `CONNECT a:80 HTTP/1.1\r\nHost: a\r\n${lengthOf(HIDDEN)}\r\n${HIDDEN}`],
]
