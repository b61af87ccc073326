import { connect } from 'node:net'
import type { Listener } from '../protocol/snapshot.ts'
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
/** A server that is no HTTP server may count, log or punish connections that say nothing: it sees few of ours. */
const TCP_PERIODS = 10
const TIMEOUT_MS = 900

/** `speaks`: the application's protocol, as far as is known now. Of one that speaks tcp a connection is opened and closed, every ten seconds. */
export function probeApp(app: Address, clock: Clock, speaks: () => Listener['protocol'] | undefined): AppProbe {
  const where = formatAddress(app)
  const state = { reachable: false, detail: `${where} was not tried yet` }
  const found = (reachable: boolean, detail: string) => {
    state.reachable = reachable
    state.detail = `${where} ${detail}`
  }
  let periods = 0
  const probe = (): void => {
    const protocol = speaks()
    if (protocol === 'tcp' && periods++ % TCP_PERIODS !== 0) return
    if (protocol === 'grpc') {
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
