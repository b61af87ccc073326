import { type Direction, type Downstream, Exchange, type Fields, fieldOf, type RequestHead } from './exchange.ts'
import { normalizePath } from './path.ts'

/** A request that somebody asks about. */
export interface Question {
  method: string
  /** `http://expense/api?x=1`, or a path. */
  url: string
  headers: Readonly<Record<string, string>>
  direction: Direction
}

/** The exchange that a request would be, with nobody who waits for its answer. Throws where the URL is none. */
export function exchangeOf({ method, url, headers, direction }: Question): Exchange {
  const parsed = new URL(url, 'http://unnamed.invalid')
  const fields: Fields = Object.entries(headers).flatMap(([name, value]) => [name.toLowerCase(), value])
  const request: RequestHead = {
    method,
    target: normalizePath(`${parsed.pathname}${parsed.search}`),
    authority: fieldOf(fields, 'host') ?? parsed.host,
    scheme: 'http',
    fields,
    protocol: 'HTTP/1.1',
    contentLength: 0,
    hasBody: false,
    upgrade: '',
    expectContinue: false,
    acceptsTrailers: false,
  }
  return new Exchange(direction, request, nobody, 0, 0, '')
}

const nobody: Downstream = {
  informational() {},
  head() {},
  data: () => true,
  end() {},
  abort() {},
  resumeRequest() {},
}
