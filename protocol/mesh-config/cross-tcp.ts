import type { Path } from './problem.ts'
import type { Loose, Report } from './report.ts'
import type { ServiceWritten } from './schema.ts'

/** Words that ask for requests, at a service whose bytes nobody reads. */
export function crossCheckTcp(path: Path, service: Loose<ServiceWritten>, report: Report): void {
  if ((service.routes ?? []).length > 0)
    report.problem([...path, 'routes'], 'routes of a tcp service', 'routes with protocol http, http2 or grpc')
  if (service.slo?.latency !== undefined)
    report.problem(
      [...path, 'slo', 'latency'],
      'latency of a tcp service',
      'availability (of connections): no request is seen, so none is timed',
    )
  if (service.loadBalancing?.stickiness !== undefined)
    report.problem(
      [...path, 'loadBalancing', 'stickiness'],
      'stickiness of a tcp service',
      'stickiness with protocol http, http2 or grpc: a connection has neither header nor cookie',
    )
  const { retries } = service
  if (typeof retries !== 'object') return
  const here = [...path, 'retries']
  const others = (retries.on ?? []).filter(word => word !== undefined && word !== 'connect-failure')
  if (others.length > 0)
    report.problem(
      [...here, 'on'],
      others.join(' and '),
      'connect-failure, for a tcp service: once a connection stands, nobody knows what may be sent twice',
    )
  if ((retries.statusCodes ?? []).length > 0)
    report.problem([...here, 'statusCodes'], 'status codes of a tcp service', 'none: no answer is read')
}
