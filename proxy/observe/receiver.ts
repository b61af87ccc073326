import type { buildConnector } from 'undici'
import { Agent, type AgentOptions } from '../../runtime/http-client.ts'

/** Who gets spans or reports. */
export interface Receiver {
  url: string
  /** How it is reached by mTLS of the mesh; undefined: in clear text, or by https as any server is. */
  connector: buildConnector.connector | undefined
}

export function sameReceiver(one: Receiver | undefined, other: Receiver | undefined): boolean {
  return one?.url === other?.url && (one?.connector === undefined) === (other?.connector === undefined)
}

/** An agent that can be given up for a new one: requests that are under way end on their connection, the next one has a new connection. */
export interface RenewableAgent {
  readonly current: Agent
  /** Connects in this way from now on. */
  renew(connector: Receiver['connector']): void
  /** Cuts everything. */
  destroy(): Promise<void>
}

export function renewableAgent(options: AgentOptions, connectTimeoutMs: number): RenewableAgent {
  const make = (connector: Receiver['connector']) =>
    new Agent({ ...options, connect: connector ?? { timeout: connectTimeoutMs } })
  const leaving = new Set<Agent>()
  let current = make(undefined)
  return {
    get current() {
      return current
    },
    renew(connector) {
      const last = current
      current = make(connector)
      leaving.add(last)
      const left = () => void leaving.delete(last)
      last.close().then(left, left)
    },
    async destroy() {
      await Promise.all([current, ...leaving].map(agent => agent.destroy()))
    },
  }
}
