import { connectionToCollector, meshConnector } from '../credentials/connection.ts'
import type { Credentials, CredentialsInForce } from '../credentials/credentials.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Receiver } from './observe/receiver.ts'
import type { TrafficReport } from './observe/report.ts'
import type { SpanShipper } from './observe/span-shipper.ts'

const CONNECT_TIMEOUT_MS = 2000
/** When a root goes every proxy hears of it in one moment; their handshakes must not all reach the collector in the same. */
const RENEW_SPREAD_MS = 2000

/** Where spans and reports go, each undefined where nobody wants them. */
export interface Receivers {
  spans: Receiver | undefined
  reports: Receiver | undefined
}

/**
 * An https collector must prove that it is one of this mesh, and is shown our certificate. Reports go to nobody else; spans also go to any
 * Zipkin there is: one at another https address than the collector's is known by public authorities, as everywhere.
 */
export function receiversOf(
  { spansUrl, collectorUrl }: { spansUrl: string | undefined; collectorUrl: string | undefined },
  identity: CredentialsInForce | undefined,
  wall: () => number,
): Receivers {
  const options = () => {
    const own = identity?.current
    if (own === undefined)
      throw new Error(
        'the collector is to be reached by mTLS, and this proxy has no certificate: give it the https address of control and a join token, or control an http address of the collector',
      )
    return connectionToCollector(own, own, wall)
  }
  const receiver = (url: string | undefined): Receiver | undefined => {
    if (url === undefined) return undefined
    const connector = isOfCollector(url, collectorUrl) ? meshConnector(options, CONNECT_TIMEOUT_MS) : undefined
    return { url, connector }
  }
  return { spans: receiver(spansUrl), reports: receiver(collectorUrl) }
}

function isOfCollector(url: string, collectorUrl: string | undefined): boolean {
  const [at, collector] = [URL.parse(url), URL.parse(collectorUrl ?? '')]
  return at?.protocol === 'https:' && at.origin === collector?.origin
}

/**
 * Connections to the collector are made anew when our certificate is another, or a root is trusted no more: what was proved by it then counts
 * no longer. Nothing that is under way is cut.
 */
export function renewConnections(
  identity: CredentialsInForce | undefined,
  connections: readonly Pick<SpanShipper | TrafficReport, 'reconnect'>[],
  { clock, random }: { clock: Clock; random: () => number },
): { close(): void } {
  let before = identity?.current
  let cancel = () => {}
  identity?.onChange(now => {
    if (before !== undefined && !provesAnew(before, now)) return
    // With the first certificate what failed without one is tried again at once; there is nothing yet to take the place of.
    const waitMs = before === undefined ? 0 : random() * RENEW_SPREAD_MS
    before = now
    cancel()
    cancel = clock.after(waitMs, () => {
      for (const connection of connections) connection.reconnect()
    })
  })
  return { close: () => cancel() }
}

function provesAnew(before: Credentials, now: Credentials): boolean {
  return before.chainPem !== now.chainPem || before.roots.some(root => !now.roots.includes(root))
}
