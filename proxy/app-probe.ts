import { connect } from 'node:net'
import type { Address } from '../runtime/address.ts'
import { formatAddress } from '../runtime/address.ts'
import type { Clock } from '../runtime/clock.ts'

/** Whether the application beside the proxy takes connections; told on /ready and in metrics, never in the way of a request. */
export interface AppProbe {
  readonly state: { reachable: boolean; detail: string }
  close(): void
}

const PERIOD_MS = 1000
const TIMEOUT_MS = 900

export function probeApp(app: Address, clock: Clock): AppProbe {
  const where = formatAddress(app)
  const state = { reachable: false, detail: `${where} was not tried yet` }
  const probe = (): void => {
    const socket = connect({ host: app.host, port: app.port, timeout: TIMEOUT_MS })
    const found = (reachable: boolean, detail: string) => {
      state.reachable = reachable
      state.detail = detail
      socket.destroy()
    }
    socket.once('connect', () => found(true, `${where} takes connections`))
    socket.once('timeout', () => found(false, `${where} does not answer within ${TIMEOUT_MS} ms`))
    socket.on('error', error =>
      found(false, `${where} takes no connection: ${error.message}; is the application running?`),
    )
    socket.unref()
  }
  probe()
  return { state, close: clock.every(PERIOD_MS, probe) }
}
