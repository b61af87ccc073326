import { fileURLToPath } from 'node:url'
import { COLLECTOR_AUDIENCE } from '../protocol/identity.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Running } from '../runtime/lifecycle.ts'
import type { Log } from '../runtime/log.ts'
import { type Api, createApi } from './api/api.ts'
import { intentionRoutes } from './api/intention-routes.ts'
import { proxies as proxyStates } from './api/proxies.ts'
import { controlChecks } from './checks.ts'
import type { ControlSettings } from './config.ts'
import { type ControlEvents, controlEvents } from './events.ts'
import { createCatalog } from './gather/catalog.ts'
import { liveTraffic } from './gather/live-traffic.ts'
import { meshSource } from './gather/mesh-source.ts'
import { recentTraffic, trafficOf } from './gather/recent-traffic.ts'
import { createReporters } from './gather/reporters.ts'
import { controlGauges } from './gauges.ts'
import { createJudge, type Judge, type Resumed } from './judge/judge.ts'
import { createMembership } from './membership.ts'
import { decisionShipper } from './publish/decision-shipper.ts'
import { intentionsOf } from './publish/intentions.ts'
import { publication as createPublication } from './publish/publication.ts'
import { sectionBook } from './publish/section-book.ts'
import { endpointsOf } from './publish/sections.ts'
import { snapshotRoutes } from './publish/snapshot-routes.ts'
import { snapshotStreams } from './publish/streams.ts'
import { createReconciler } from './reconcile.ts'
import { release } from './release.ts'
import { decisionLog } from './state/decision-log.ts'
import { createEpochs } from './state/epochs.ts'
import { createKeeper, savedJudge } from './state/keeper.ts'
import { openStore, storeLimits } from './state/store.ts'
import { collectorConnect, readableOnTheWay } from './to-collector.ts'
import { openTrust } from './trust.ts'

export interface Surroundings {
  clock: Clock
  random: () => number
  log: Log
}

export interface Control extends Running {
  addresses: { api: string }
}

/** A proxy whose stream ended has this long to come back; after a restart of control they all have to, so they get longer. */
const INSTANCE_GRACE_MS = 5000
const RESTART_GRACE_MS = 15_000
const INSTANCES_MAX = 20_000
const MESH_POLL_MS = 2000
const KEEP_EVERY_MS = 1000
const LOOK_EVERY_MS = 1000
const RECENT_MS = 5000
const streamLimits = { heartbeatMs: 1000, slowReaderMs: 10_000 }
const pageFolder = fileURLToPath(new URL('../dashboards/web', import.meta.url))

/** The whole of control, in the order in which things pass: who is there and how it goes -> judge -> write down -> publish -> tell. */
export async function createControl(settings: ControlSettings, { clock, random, log }: Surroundings): Promise<Control> {
  const events = controlEvents(log)

  // What stays over a restart.
  const store = openStore(settings.data, storeLimits, events.stateNotWritten)
  const decisions = decisionLog(store, clock)
  const epochs = createEpochs(store)

  // Who is there, and what they say.
  const lastGood = store.kept('mesh')
  const source = orElse(store.close, () =>
    meshSource(settings.config, { clock, pollMs: MESH_POLL_MS, lastGood, events }),
  )
  let meshNow = source.first
  const catalog = createCatalog({ graceMs: INSTANCE_GRACE_MS, instancesMax: INSTANCES_MAX })
  catalog.restore(store.instances(), clock.now(), clock.wall(), RESTART_GRACE_MS)
  const reporters = createReporters()
  const recent = recentTraffic(RECENT_MS)

  // What they are told.
  const book = sectionBook()
  const streams = snapshotStreams(book, streamLimits, { clock, onStreamEnd: events.streamEnded })
  const [collectorUrl] = settings.collector
  const urls = {
    spansUrl: settings.spansUrl ?? (collectorUrl && new URL('/api/v2/spans', collectorUrl).href),
    collectorUrl,
  }

  // Who they are, and what they trust.
  let api: Api | undefined
  const proxies = proxyStates({ clock, catalog, reporters, sentEpoch: streams.sentEpoch })
  const trust = await orElse(store.close, () =>
    openTrust(settings, {
      store: store.identity,
      clock,
      log,
      registry: events.registry,
      mesh: () => meshNow.config,
      behind: proxies.behind,
      publish() {
        const prepared = publication.identity(reconciler.view)
        prepared.send()
        return prepared.epoch
      },
      onTls: tls => api?.setTls(tls),
    }),
  )
  const { identity } = trust
  const connect = collectorConnect({
    own: () => identity.own.tls,
    trustDomain: () => meshNow.config.trustDomain,
    wall: clock.wall,
  })
  for (const url of settings.collector.filter(readableOnTheWay)) events.collectorReadable(url)
  const publication = createPublication(book, streams, epochs.next, urls, identity.inForce)

  // What is decided: goes on where it was.
  const saved = savedJudge(store, clock)
  const judge = resumedJudge(saved && { ...saved, nowMs: clock.now() }, events)
  const keeper = createKeeper({
    store,
    clock,
    everyMs: KEEP_EVERY_MS,
    texts: () => ({ judge: judge.save(), mesh: source.text(), shippedTo: String(shipper?.shippedTo ?? 0) }),
    onWritten: events.stateWritten,
  })
  const shipper =
    collectorUrl === undefined
      ? undefined
      : decisionShipper(collectorUrl, {
          clock,
          random,
          connect,
          decisionsAfter: store.decisionsAfter,
          shippedTo: Number(store.kept('shippedTo') ?? 0),
          proof: () => identity.own.prove(COLLECTOR_AUDIENCE),
          events,
        })
  decisions.follow(events.decided)
  decisions.follow(() => shipper?.kick())
  const reconciler = createReconciler(source.first, {
    clock,
    judge,
    catalog,
    publication,
    decisions,
    along: keeper.take,
    onStep: events.judged,
  })
  const membership = createMembership({ clock, catalog, keeper, reconciler, events })
  source.watch(mesh => {
    meshNow = mesh
    reconciler.meshChanged(mesh)
  })
  // A rotation that was under way: everything was published anew just now.
  identity.authorities.spread(book.epoch)

  // What is judged.
  const live = liveTraffic(
    settings.collector,
    { clock, random, connect, events },
    {
      onTick(tick) {
        reporters.take(tick)
        recent.take(tick)
        if (reporters.epochMax > book.epoch) overtake(reporters.epochMax)
        reconciler.tick(tick)
      },
      onSilence: reconciler.silence,
    },
  )
  /** Proxies know a higher epoch than ours, so our state was lost: they would not hear us until we are above it. */
  const overtake = (seen: number) => {
    epochs.raiseTo(seen + 1)
    publication.reissue()
    events.epochRaised(book.epoch, seen)
  }

  // Who looks on, and who lends a hand.
  api = createApi({
    version: release,
    clock,
    registry: events.registry,
    checks: () =>
      controlChecks({
        mesh: reconciler.mesh.config.mesh,
        meshProblems,
        feeds: live.feeds,
        store,
        issuing: () => identity.authorities.issuing(clock.wall()),
      }),
    store,
    status: {
      clock,
      view: reconciler.view,
      judge,
      catalog,
      recent,
      proxies,
      decisions,
      epoch: () => book.epoch,
      collectors: () => live.feeds,
      configStatus: source.status,
      certificates: trust.certificates,
      trafficOf,
      endpointsOf: service => endpointsOf(service, catalog.endpointsOf(service.name), new Map()),
    },
    act: reconciler.act,
    followDecisions: decisions.follow,
    onFollowerCut: events.followerCut,
    onFailure: events.apiFailed,
    pageFolder,
    portEvents: trust.events,
    guard: trust.doors.guard,
    otherRoutes(app) {
      trust.doors.routes(app)
      snapshotRoutes(app, {
        clock,
        version: release,
        mesh: () => reconciler.mesh.config,
        catalog,
        streams,
        membership,
        onCertificateSeen: identity.heldBy,
      })
      intentionRoutes(app, {
        config: () => reconciler.mesh.config,
        file: () => settings.config,
        intentionsOf,
        lineOf: rule => reconciler.mesh.ruleLines.get(rule) ?? 0,
      })
    },
  })
  if (identity.own.tls) api.setTls(identity.own.tls)
  const meshProblems = () => source.status().problems
  const { view } = reconciler
  controlGauges(events.registry, {
    view,
    judge,
    proxies,
    book,
    store,
    feeds: live.feeds,
    meshProblems,
    tickAgeMs: live.tickAgeMs,
  })
  const stopLooking = clock.every(LOOK_EVERY_MS, () => {
    membership.sweep()
    proxies.look()
    trust.look()
  })
  shipper?.kick()
  let closing: Promise<void> | undefined
  const close = async () => {
    stopLooking()
    source.close()
    live.close()
    reconciler.close()
    shipper?.close()
    streams.close()
    await api?.close()
    keeper.close()
    store.close()
  }
  const closeOnce = () => {
    closing ??= close()
    return closing
  }
  try {
    return { addresses: { api: await api.listen(settings.listen) }, close: closeOnce }
  } catch (error) {
    await closeOnce()
    throw error
  }
}

/** A state of another make is not worth an outage: judging begins anew with the file's weights, and the log says so. */
function resumedJudge(resumed: Resumed | undefined, events: ControlEvents): Judge {
  if (!resumed) return createJudge()
  try {
    return createJudge({}, resumed)
  } catch (error) {
    events.judgeForgot((error as Error).message)
    return createJudge()
  }
}

/** What `make` gives; when it throws, `undo` comes first. */
function orElse<T>(undo: () => void, make: () => T): T {
  const undoAndThrow = (error: unknown): never => {
    undo()
    throw error
  }
  try {
    const made = make()
    return made instanceof Promise ? (made.catch(undoAndThrow) as T) : made
  } catch (error) {
    return undoAndThrow(error)
  }
}
