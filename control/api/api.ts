import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Registry } from 'prom-client'
import type { Decision } from '../../protocol/decision.ts'
import type { Address } from '../../runtime/address.ts'
import type { Clock } from '../../runtime/clock.ts'
import { type Checks, healthRoutes, metricsRoute } from '../../runtime/ops.ts'
import { openTwoWayPort, type PortEvents, type TwoWayPort } from '../../runtime/two-way-port.ts'
import type { Door } from '../door.ts'
import type { StateStore } from '../state/store.ts'
import { type ActionParts, actionRoutes } from './action-routes.ts'
import { decisionRoutes } from './decision-routes.ts'
import { lineStreams } from './line-streams.ts'
import { pageRoutes } from './page.ts'
import { prometheusTargets } from './prometheus-targets.ts'
import { createApiServer, doorOf } from './server.ts'
import { type StatusParts, statusOf } from './status.ts'
import { statusRoutes } from './status-routes.ts'

export interface ApiParts {
  /** Of this release. */
  version: string
  clock: Clock
  registry: Registry
  checks(): Checks
  store: StateStore
  status: StatusParts
  act: ActionParts['act']
  /** Calls back with each decision; the returned function ends it. */
  followDecisions(follower: (decision: Decision) => void): () => void
  onFollowerCut(stream: string): void
  /** A request that ended in a bug of ours. */
  onFailure(error: Error): void
  pageFolder: string
  portEvents: PortEvents
  /** Stands before every route; `doorOf` says who may use the one that a request met. */
  guard(app: FastifyInstance, doorOf: (request: FastifyRequest) => Door | undefined): void
  /** Routes of other stages, on the same port. */
  otherRoutes(app: FastifyInstance): void
}

export interface Api {
  /** Gives the address that was taken. */
  listen(address: Address): Promise<string>
  setTls: TwoWayPort['setTls']
  /** Ends the streams, then the server. */
  close(): Promise<void>
}

const READERS_MAX = 100
const UNREAD_BYTES_MAX = 1024 * 1024
const LIVE_UNREAD_BYTES_MAX = 32 * 1024 * 1024
const LIVE_EVERY_MS = 1000

/** Everything on control's one port: the API, its document, the page, health, metrics, and the snapshots for proxies. */
export function createApi(parts: ApiParts): Api {
  const { version, clock, store, status } = parts
  let port: TwoWayPort | undefined
  const app = createApiServer(version, parts.onFailure, handler => {
    port = openTwoWayPort(handler, clock, parts.portEvents)
    return port.plain
  })
  parts.guard(app, doorOf)
  const streams = (name: string, unreadBytesMax: number, onlyNewest: boolean) =>
    lineStreams(
      { version, readersMax: READERS_MAX, unreadBytesMax, onlyNewest, onCut: () => parts.onFollowerCut(name) },
      clock,
    )
  const decisions = streams('decisions', UNREAD_BYTES_MAX, false)
  const live = streams('live', LIVE_UNREAD_BYTES_MAX, true)

  healthRoutes(app, parts.checks)
  metricsRoute(app, parts.registry)
  parts.otherRoutes(app)
  statusRoutes(app, { parts: status, proxies: status.proxies, live })
  decisionRoutes(app, store, decisions)
  actionRoutes(app, {
    mesh: () => status.view.config,
    standing: service => status.judge.standing(service),
    act: parts.act,
  })
  prometheusTargets(app, status.catalog, () => status.view.config.mesh)
  pageRoutes(app, parts.pageFolder)

  const sendStatus = () => {
    if (live.size > 0) live.send({ text: `${JSON.stringify(statusOf(status))}\n`, service: '' })
  }
  const stopLive = clock.every(LIVE_EVERY_MS, sendStatus)
  const stopFollowing = parts.followDecisions(decision => {
    decisions.send({ text: `${JSON.stringify(decision)}\n`, service: decision.service })
    queueMicrotask(sendStatus)
  })
  return {
    async listen(address) {
      await app.ready()
      return await port!.listen(address)
    },
    setTls: tls => port!.setTls(tls),
    async close() {
      stopLive()
      stopFollowing()
      decisions.close()
      live.close()
      await app.close()
      await port!.close()
    },
  }
}
