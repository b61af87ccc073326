import packageJson from '../package.json' with { type: 'json' }
import { PROTOCOL } from '../protocol/version.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Running } from '../runtime/lifecycle.ts'
import type { Log } from '../runtime/log.ts'
import { type Checks, healthRoutes, metricsRoute } from '../runtime/ops.ts'
import type { CollectorSettings } from './config.ts'
import { collectorEvents } from './events.ts'
import { httpServer, listenOn } from './http.ts'
import { liveStream } from './live/stream.ts'
import { runTicks } from './live/ticker.ts'
import { liveWindow } from './live/window.ts'
import { receiveReports } from './receive/reports.ts'

export interface Collector extends Running {
  /** host:port of each listener, as taken. */
  addresses: { zipkin: string; health: string; telemetry: string }
}

/** The whole collector: listens once everything behind it stands; closing flushes what is held. */
export async function createCollector(
  settings: CollectorSettings,
  { clock, log }: { clock: Clock; log: Log },
): Promise<Collector> {
  const events = collectorEvents(log)
  const hello = { protocol: PROTOCOL, program: 'collector', version: packageJson.version }
  const api = httpServer(settings.bodyBytesMax)

  const window = liveWindow({ reportersMax: settings.reportersMax, keysMax: settings.trafficKeysMax }, clock.now())
  const live = liveStream(api, hello, events.live)
  const reports = receiveReports(api, window, clock, events.reports)
  const endTicks = runTicks(window, clock, tick => live.send(tick))
  events.live.watch({ reporting: () => window.reporting, keys: () => window.keys, readers: () => live.readers })

  const checks = (): Checks => ({})
  const health = httpServer(1024)
  healthRoutes(health, checks)
  const telemetry = httpServer(1024)
  metricsRoute(telemetry, events.registry)

  const close = async () => {
    endTicks()
    live.close()
    reports.close()
    await Promise.all([api.close(), health.close(), telemetry.close()])
  }
  try {
    const addresses = {
      zipkin: await listenOn(api, settings.zipkin),
      health: await listenOn(health, settings.health),
      telemetry: await listenOn(telemetry, settings.telemetry),
    }
    return { addresses, close }
  } catch (error) {
    await close()
    throw error
  }
}
