import fc from 'fast-check'
import { isAllowedInTrailers } from '../../../../proxy/http1/trailers.ts'

const TOKEN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
const FRAMING = new Set([
  'content-length',
  'transfer-encoding',
  'host',
  'connection',
  'expect',
  'te',
  'upgrade',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
])

export const token = fc.string({ unit: fc.constantFrom(...TOKEN), minLength: 1, maxLength: 20 })

/** A field name without meaning for framing, often one that everybody knows, in any case. */
export const fieldName = fc
  .oneof(token, fc.constantFrom('Accept', 'user-agent', 'X-B3-TraceId', 'COOKIE', 'x-request-id', 'Content-Type'))
  .filter(name => !FRAMING.has(name.toLowerCase()))

/** A field value as it comes out of a parser: no blanks around it. */
export const fieldValue = fc
  .string({
    unit: fc.integer({ min: 0x20, max: 0xff }).map(code => String.fromCharCode(code === 0x7f ? 9 : code)),
    maxLength: 40,
  })
  .map(value => value.replace(/^[ \t]+|[ \t]+$/g, ''))

/** name, value, name, value ... */
export const plainFields = fc.array(fc.tuple(fieldName, fieldValue), { maxLength: 12 }).map(pairs => pairs.flat())

export const trailerFields = fc
  .array(fc.tuple(fieldName.map(name => name.toLowerCase()).filter(isAllowedInTrailers), fieldValue), {
    minLength: 1,
    maxLength: 4,
  })
  .map(pairs => pairs.flat())

export const path = fc
  .string({ unit: fc.constantFrom(...'abcXYZ019-._~!$&()*+,;=:@%/?|{}"'), maxLength: 60 })
  .map(rest => `/${rest}`)

export const method = fc
  .oneof(fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'), token)
  .filter(name => name !== 'CONNECT')

export const bodyText = fc.string({
  unit: fc.integer({ min: 0, max: 0xff }).map(code => String.fromCharCode(code)),
  maxLength: 300,
})

/** A body cut into chunks, as chunked bytes with the text that it carries. */
export const chunkedBody = fc
  .tuple(
    fc.array(fc.tuple(bodyText, fc.constantFrom('', ';a', ';a=b', ';x="q;\\"\r"'.replace('\r', ' '))), {
      maxLength: 5,
    }),
    fc.option(trailerFields, { nil: null }),
  )
  .map(([chunks, trailers]) => {
    let wire = ''
    let body = ''
    for (const [data, extension] of chunks) {
      if (data === '') continue
      wire += `${data.length.toString(16)}${extension}\r\n${data}\r\n`
      body += data
    }
    return { wire: `${wire}0\r\n${linesOf(trailers ?? [])}\r\n`, body, trailers }
  })

export function linesOf(fields: readonly string[]): string {
  let lines = ''
  for (let i = 0; i < fields.length; i += 2) lines += `${fields[i]}: ${fields[i + 1]}\r\n`
  return lines
}

export function lowerCasedNames(fields: readonly string[]): string[] {
  return fields.map((word, i) => (i % 2 === 0 ? word.toLowerCase() : word))
}

/** A sound request with whichever framing, as it goes over the wire. */
export const request = fc
  .tuple(method, path, plainFields, fc.oneof(fc.constant(null), bodyText, chunkedBody))
  .map(([name, target, fields, body]) => {
    const start = `${name} ${target} HTTP/1.1\r\nHost: a.example:80\r\n${linesOf(fields)}`
    if (body === null) return { wire: `${start}\r\n`, target, method: name, body: '', trailers: null }
    if (typeof body === 'string') {
      const wire = `${start}Content-Length: ${body.length}\r\n\r\n${body}`
      return { wire, target, method: name, body, trailers: null }
    }
    const wire = `${start}Transfer-Encoding: chunked\r\n\r\n${body.wire}`
    return { wire, target, method: name, body: body.body, trailers: body.trailers }
  })

export const cuts = fc.array(fc.nat({ max: 5000 }), { maxLength: 12 })
