import { mkdir } from 'node:fs/promises'
import type { Credentials } from '../credentials/credentials.ts'
import type { Tick } from '../protocol/tick.ts'
import { PROTOCOL } from '../protocol/version.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Running } from '../runtime/lifecycle.ts'
import type { Log } from '../runtime/log.ts'
import { type Checks, healthRoutes, metricsRoute } from '../runtime/ops.ts'
import { programVersion } from '../runtime/program-version.ts'
import type { CollectorSettings } from './config.ts'
import { collectorEvents } from './events.ts'
import { httpServer, listenOn } from './http.ts'
import { trafficRollup } from './live/rollup.ts'
import { liveStream } from './live/stream.ts'
import { runTicks } from './live/ticker.ts'
import { liveWindow } from './live/window.ts'
import { meshIdentity } from './mesh-identity.ts'
import { mainPort } from './port.ts'
import { jaegerApi } from './query/jaeger-api.ts'
import { recentTraces } from './query/recent.ts'
import { storedTraces } from './query/stored.ts'
import { allTraces } from './query/traces.ts'
import { zipkinApi } from './query/zipkin-api.ts'
import { memoryBudget } from './receive/budget.ts'
import { receiveDecisions } from './receive/decisions.ts'
import { intake } from './receive/intake.ts'
import { quarantineIn } from './receive/quarantine.ts'
import { receiveReports } from './receive/reports.ts'
import { receiveSpans } from './receive/spans.ts'
import { reporters } from './reporters/reporters.ts'
import { rootsAt, trustedRoots } from './reporters/roots.ts'
import { chooseStorage } from './ship/clickhouse/choose.ts'
import { clickHouseDestination } from './ship/clickhouse/destination.ts'
import { startShipping } from './ship/shipping.ts'
import { zipkinDestination } from './ship/zipkin.ts'

export interface Collector extends Running {
  /** host:port of each listener, as taken. */
  addresses: { zipkin: string; health: string; telemetry: string }
}

/** Live traffic is stored in rows of this length. */
const ROLLUP_MS = 10_000
/** What shippers may take to end their batch. */
const SHIP_GRACE_MS = 1500

/** The whole collector: receive -> log -> ship, with the live window beside; it listens once everything behind it stands. */
export async function createCollector(
  settings: CollectorSettings,
  { clock, log, random }: { clock: Clock; log: Log; random: () => number },
): Promise<Collector> {
  await mkdir(settings.data, { recursive: true })
  const events = collectorEvents(log, clock)
  const quarantine = quarantineIn(settings.data, clock.wall, events.receive)

  const chosen = await chooseStorage({
    clickhouse: settings.clickhouse,
    database: settings.clickhouseDatabase,
    directory: `${settings.data}/clickhouse`,
    memoryBytesMax: settings.clickhouseMemoryBytes,
    retentionMs: settings.retentionMs,
    clock,
    random,
    events: events.ship,
  })
  const storage = chosen.status === 'chosen' ? chosen.storage : undefined
  const shipping = await startShipping({
    directory: settings.data,
    segmentBytesMax: settings.segmentBytesMax,
    diskBytesMax: settings.diskBytesMax,
    destinations: [
      ...(storage === undefined ? [] : [clickHouseDestination(storage)]),
      ...(settings.jaeger === undefined ? [] : [zipkinDestination('jaeger', settings.jaeger)]),
    ],
    clock,
    random,
    events: events.ship,
    quarantine: (shipper, { signal, line, reason }) => quarantine.keep({ by: shipper, signal, reason, item: line }),
  })
  const keep = intake({
    append: shipping.append,
    accepted(receiver, signal, count) {
      events.receive.accepted(receiver, signal, count)
      events.ship.accepted(signal, count)
    },
    refused: events.receive.refused,
  })

  // Who we are, and who is believed.
  const identity = meshIdentity(settings, { clock, random, log })
  const believed = identity?.roots ?? (settings.meshRoots === undefined ? undefined : rootsAt(settings.meshRoots))
  const roots = believed === undefined ? undefined : trustedRoots(believed, clock)
  const proven = roots === undefined ? undefined : reporters(roots, clock)

  const port = mainPort(settings.bodyBytesMax, settings.tls, { clock, events: events.port })
  const { app: api } = port
  const show = ({ chainPem, keyPem, roots }: Credentials) =>
    port.setTls({ cert: chainPem, key: keyPem, ca: [...roots] })
  if (identity?.certificate.current !== undefined) show(identity.certificate.current)
  identity?.certificate.onChange(show)
  const recent = recentTraces({ tracesMax: settings.recentTracesMax, bytesMax: settings.recentBytesMax })
  const budget = memoryBudget(settings.memoryBytesMax)
  events.receive.watch({
    heldBytes: () => budget.heldBytes,
    recentTraces: () => recent.traces,
    recentBytes: () => recent.bytes,
  })
  receiveSpans(api, {
    bodyBytesMax: settings.bodyBytesMax,
    budget,
    clock,
    keep,
    onAccepted: recent.add,
    quarantine: quarantine.keep,
    events: events.receive,
  })
  receiveDecisions(api, {
    bodyBytesMax: settings.bodyBytesMax,
    keep,
    quarantine: quarantine.keep,
    events: events.receive,
    reporters: proven,
  })

  const window = liveWindow({ reportersMax: settings.reportersMax, keysMax: settings.trafficKeysMax }, clock.now())
  const live = liveStream(api, { protocol: PROTOCOL, program: 'collector', version: programVersion }, events.live)
  const reports = receiveReports(api, window, clock, events.reports, proven)
  const store = (rows: readonly string[]) => {
    events.receive.received('live', 'traffic', rows.length)
    return keep('live', 'traffic', rows)
  }
  const rollup = trafficRollup(settings.trafficKeysMax, events.live.rollupOverflow)
  const onTick = (tick: Tick) => {
    live.send(tick)
    rollup.add(tick.rows, tick.intervalMs)
    if (rollup.ms >= ROLLUP_MS) void store(rollup.take(tick.time))
  }
  const endTicks = runTicks(window, clock, onTick)
  const { wall } = clock
  if (identity !== undefined)
    events.port.watch({
      certificateSecondsLeft: () => ((identity.certificate.current?.notAfterMs ?? wall()) - wall()) / 1000,
    })
  events.live.watch({ reporting: () => window.reporting, keys: () => window.keys, readers: () => live.readers })

  const traces = allTraces(recent, storage === undefined ? undefined : storedTraces(storage))
  zipkinApi(api, traces, clock)
  jaegerApi(api, traces, clock)

  const checks = (): Checks => ({
    ...shipping.checks(),
    ...(identity === undefined
      ? {}
      : { identity: { ...identity.certificate.told(), required: settings.tls === 'strict' } }),
    ...(roots === undefined || roots.problem === ''
      ? {}
      : { meshRoots: { ok: false, required: false, detail: roots.problem } }),
    ...(storage === undefined
      ? {
          clickhouse: {
            ok: settings.clickhouse === 'off',
            required: false,
            detail: chosen.status === 'none' ? chosen.reason : '',
          },
        }
      : storage.problem === undefined
        ? {}
        : { clickhouse: { ok: false, required: false, detail: storage.problem } }),
  })
  const health = httpServer(1024)
  healthRoutes(health, checks)
  const telemetry = httpServer(1024)
  metricsRoute(telemetry, events.registry)

  const close = async (): Promise<void> => {
    const time = new Date(clock.wall()).toISOString()
    endTicks()
    roots?.close()
    identity?.certificate.close()
    reports.close()
    // What was reported since the last tick is told and stored, too.
    onTick(window.tick(clock.now(), time))
    live.close()
    await port.close()
    await store(rollup.take(time))
    await shipping.close(SHIP_GRACE_MS)
    await Promise.all([quarantine.close(), health.close(), telemetry.close()])
  }
  try {
    const addresses = {
      zipkin: await port.listen(settings.zipkin),
      health: await listenOn(health, settings.health),
      telemetry: await listenOn(telemetry, settings.telemetry),
    }
    return { addresses, close }
  } catch (error) {
    await close()
    throw error
  }
}
