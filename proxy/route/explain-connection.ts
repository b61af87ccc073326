import { routeConnection } from './connection-router.ts'
import type { Explanation } from './explain.ts'
import type { Policy } from './policy.ts'

/** Explains a TCP connection that leaves an application, with the very function that routes connections. */
export function explainConnection(policy: Policy, service: string): Explanation {
  const { epoch } = policy
  const asked = { service, version: '', deadlineMs: 0, startedMs: 0 }
  const refused = routeConnection(policy, asked, service, () => 0)
  if (refused !== undefined) {
    const { flag, reason, detail } = refused
    return { status: 'refused', protocol: 'tcp', flag, reason, detail, httpStatus: 0, epoch }
  }
  const { upstream, split } = policy.upstreams.get(service)!
  const versions = Object.fromEntries(split.names.map((name, i) => [name, split.weights[i]! / split.total]))
  return {
    status: 'routed',
    protocol: 'tcp',
    service,
    route: 'tcp',
    path: '',
    versions,
    chosenBy: 'weights',
    endpoints: upstream.endpoints
      .filter(({ version }) => Object.hasOwn(versions, version))
      .map(({ id, address, version, health }) => ({ id, address, version, health })),
    timeoutMs: asked.deadlineMs,
    retries: upstream.retries,
    epoch,
  }
}
