import type { Upstream } from '../../protocol/snapshot.ts'
import type { UpstreamSocket } from './upstream-socket.ts'
import { type Wires, wiresOf } from './wires.ts'

/** Names may move: a connection to one is not used for longer than this. */
const NAMED_CONNECTION_MS = 300_000
/** Who proved an identity must prove it anew after this: half the life of a certificate, so that none is believed for much longer than it lasts. */
const PROVEN_CONNECTION_MS = 30 * 60_000

/** How the connections of a cluster are to be made, and until when one is to be used: by the policy in force. */
export class ConnectionTerms {
  wires: Wires
  /** How connections are to be secured: those of another way carry what they carry to its end, and nothing more. */
  securedAs: string
  #isProven: boolean

  constructor(upstream: Upstream) {
    this.wires = wiresOf(upstream)
    this.securedAs = securityKey(upstream)
    this.#isProven = upstream.peerSpiffeId !== undefined
  }

  /** Takes a new policy. True: connections are to be secured in another way than before. */
  replace(upstream: Upstream): boolean {
    const before = this.securedAs
    this.wires = wiresOf(upstream)
    this.securedAs = securityKey(upstream)
    this.#isProven = upstream.peerSpiffeId !== undefined
    return this.securedAs !== before
  }

  /** It is not to carry anything new: the endpoint is gone, or is to be reached in another way, or it stands for too long. */
  isOutdated({ endpoint, securedAs, openedMs }: UpstreamSocket, nowMs: number): boolean {
    if (endpoint.gone || securedAs !== this.securedAs) return true
    const ageMs = nowMs - openedMs
    return (endpoint.named && ageMs > NAMED_CONNECTION_MS) || (this.#isProven && ageMs > PROVEN_CONNECTION_MS)
  }
}

function securityKey(upstream: Upstream): string {
  const { tls, peerSpiffeId } = upstream
  return `${wiresOf(upstream)} ${peerSpiffeId ?? (tls === undefined ? '' : `tls ${JSON.stringify(tls)}`)}`
}
