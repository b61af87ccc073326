import { type Failure, failure } from '../failures.ts'
import type { Cluster } from './cluster.ts'
import type { Deadlines } from './deadlines.ts'
import type { Endpoint } from './endpoint.ts'

/** Why a request or a connection goes nowhere, or no further: for its caller. Each counts itself. */

/** `version`: the only one that would do, '' for any. */
export function noEndpoint({ stats, name, membership }: Cluster, version: string): Failure {
  stats.rqNoHealthyUpstream++
  const total = membership.endpoints.size
  if (total === 0) return failure('UH', `${name} has no endpoint: is an instance of it running and registered?`)
  const which = version === '' ? name : `version ${version} of ${name}`
  const said = `no endpoint of ${which} can be used now (${membership.healthy} of ${total} healthy): see /clusters for each one's state`
  return failure('UH', said)
}

/** A request found no connection, and as many wait for one as may. */
export function tooManyWait({ stats, name, upstream }: Cluster): Failure {
  const { maxConnections, maxPending } = upstream.limits
  stats.rqPendingOverflow++
  const said = `all connections to ${name} are in use (limit maxConnections ${maxConnections}), or all streams of HTTP/2, and ${maxPending} requests wait (limit maxPending)`
  return failure('UO', said)
}

/** A TCP connection would be one too many on its way. */
export function tooManyDialled({ stats, name, upstream }: Cluster): Failure {
  stats.rqPendingOverflow++
  const said = `${upstream.limits.maxPending} connections to ${name} are being made already (limit maxPending)`
  return failure('UO', said)
}

/** A TCP connection would be one too many. */
export function tooManyOpen({ stats, name, upstream }: Cluster): Failure {
  stats.cxOverflow++
  const said = `${upstream.limits.maxConnections} connections to ${name} are open already (limit maxConnections)`
  return failure('UO', said)
}

export function carriesNoWebSocket({ name }: Cluster, { address }: Endpoint): Failure {
  const said = `${name} at ${address} speaks HTTP/2 without extended CONNECT (RFC 8441): no WebSocket can be carried there`
  return failure('UPE', said)
}

/** The whole request took too long. `endpoint`: where it is, if it is anywhere. */
export function deadlinePassed(
  { stats, name }: Cluster,
  endpoint: Endpoint | undefined,
  { spanMs }: Deadlines,
): Failure {
  stats.rqTimeout++
  if (endpoint !== undefined) endpoint.stats.rqTimeout++
  const where = endpoint === undefined ? '' : ` at ${endpoint.address}`
  return failure('UT', `${name}${where} gave no complete answer within ${Math.round(spanMs)} ms`)
}

/** A try took too long. */
export function tryTimedOut({ stats, name }: Cluster, endpoint: Endpoint, { tryTimeoutMs }: Deadlines): Failure {
  stats.rqPerTryTimeout++
  endpoint.stats.rqTimeout++
  return failure('UT', `${name} at ${endpoint.address} gave no answer within ${tryTimeoutMs} ms (perTryTimeout)`)
}
