import type { ServiceWritten } from './schema.ts'

/** Envoy's. A pool of HTTP connections is best small; to an application's own connection, silence means nothing. */
const IDLE_TIMEOUT = '1h'

/**
 * A tcp service as written, or as `defaults` have it, without what asks for requests: nobody reads any. What was written for the service
 * itself is refused before (cross-tcp.ts); what `defaults` say for all services is not meant for it.
 */
export function asOfTcp(written: ServiceWritten): ServiceWritten {
  const { idleTimeout = IDLE_TIMEOUT, retries, slo, loadBalancing, ...rest } = written
  return {
    ...rest,
    idleTimeout,
    retries: { ...(retries === 'off' ? { attempts: 0 } : retries), on: ['connect-failure'], statusCodes: [] },
    ...(slo === undefined ? {} : { slo: without(slo, 'latency') }),
    ...(loadBalancing === undefined ? {} : { loadBalancing: without(loadBalancing, 'stickiness') }),
  }
}

function without<T extends object, K extends keyof T>(block: T, name: K): Omit<T, K> {
  const { [name]: _, ...rest } = block
  return rest
}
