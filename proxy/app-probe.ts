import { connect } from 'node:net'
import type { Address } from '../runtime/address.ts'
import { formatAddress } from '../runtime/address.ts'
import type { Clock } from '../runtime/clock.ts'
import { checkGrpcHealth } from './grpc-health.ts'

/** Whether the application beside the proxy takes connections, or serves, where it says so by grpc.health.v1; told on /ready and in metrics, never in the way of a request. */
export interface AppProbe {
  readonly state: { reachable: boolean; detail: string }
  close(): void
}

const PERIOD_MS = 1000
const TIMEOUT_MS = 900

/** `isGrpc`: the application's protocol is gRPC, as far as is known now. */
export function probeApp(app: Address, clock: Clock, isGrpc: () => boolean): AppProbe {
  const where = formatAddress(app)
  const state = { reachable: false, detail: `${where} was not tried yet` }
  const found = (reachable: boolean, detail: string) => {
    state.reachable = reachable
    state.detail = `${where} ${detail}`
  }
  const probe = (): void => {
    if (isGrpc()) {
      checkGrpcHealth(app, TIMEOUT_MS, ({ serving, detail }) => found(serving, detail))
      return
    }
    const socket = connect({ host: app.host, port: app.port, timeout: TIMEOUT_MS })
    const end = (reachable: boolean, detail: string) => {
      found(reachable, detail)
      socket.destroy()
    }
    socket.once('connect', () => end(true, 'takes connections'))
    socket.once('timeout', () => end(false, `does not answer within ${TIMEOUT_MS} ms`))
    socket.on('error', error => end(false, `takes no connection: ${error.message}; is the application running?`))
    socket.unref()
  }
  probe()
  return { state, close: clock.every(PERIOD_MS, probe) }
}
