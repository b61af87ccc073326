import { type Attempt, type Direction, type Downstream, Exchange, type Outcome } from '../../../../proxy/exchange.ts'
import type { Failure } from '../../../../proxy/failures.ts'

const nobody: Downstream = {
  informational() {},
  head() {},
  data: () => true,
  end() {},
  abort() {},
  resumeRequest() {},
}

/** An exchange as it stands after routing, changed as a test wants it. */
export function exchangeOf(change: Partial<Exchange> = {}, direction: Direction = 'outbound', fields: string[] = []) {
  const request = {
    method: 'GET',
    target: '/api?secret=1',
    authority: 'expense',
    scheme: 'http' as const,
    fields,
    protocol: 'HTTP/1.1' as const,
    contentLength: 0,
    hasBody: false,
    upgrade: '',
    expectContinue: false,
    acceptsTrailers: false,
  }
  const exchange = new Exchange(direction, request, nobody, 1000, 1_700_000_000_123_456, '10.0.0.9:4711')
  return Object.assign(
    exchange,
    { service: 'expense', version: 'v1', route: 'default', traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) },
    change,
  )
}

export const outcomeOf = (change: Partial<Outcome> = {}): Outcome => ({
  status: 200,
  failure: undefined,
  flags: change.failure?.flag ?? '',
  requestBytes: 0,
  responseBytes: 10,
  durationMs: 2,
  ...change,
})

export const attemptOf = (endpointId: string, version = 'v1', status = 200, failure?: Failure): Attempt => ({
  endpointId,
  endpointAddress: '10.0.0.1:80',
  version,
  status,
  grpcStatus: -1,
  failure,
  startedMs: 1000,
  durationMs: 2,
})
