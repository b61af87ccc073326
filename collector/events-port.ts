import type { Log } from '../runtime/log.ts'
import type { Metrics } from './metrics.ts'
import type { MainPortEvents } from './port.ts'

export interface PortEvents extends MainPortEvents {
  watch(gauges: { certificateSecondsLeft: () => number }): void
}

export function portEvents(metrics: Metrics, log: Log): PortEvents {
  const clear = metrics.counter('clear_text_requests_total', 'Requests in clear text, by what became of them', [
    'route',
    'outcome',
  ])
  const handshakes = metrics.counter('tls_handshake_failures_total', 'TLS handshakes that failed')
  const dropped = metrics.counter('connections_dropped_total', 'Connections dropped before their first request', [
    'why',
  ])
  return {
    clearText: (route, outcome) => clear.inc({ route, outcome }),
    handshakeFailed(reason) {
      handshakes.inc()
      log.debug(`TLS handshake failed: ${reason}`)
    },
    connectionDropped: why => dropped.inc({ why }),
    watch({ certificateSecondsLeft }) {
      metrics.gauge('certificate_seconds_left', 'Until the certificate of the mesh ends', certificateSecondsLeft)
    },
  }
}
