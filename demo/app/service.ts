import type { Tracer } from '@opentelemetry/api'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Address } from './address.ts'
import { answerFailures } from './failures.ts'
import { addFaultSwitch } from './fault-switch.ts'
import { addHealth } from './health.ts'
import { closeGently, createApp, listen } from './listener.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { observeRequests } from './observe.ts'
import { startTracing } from './tracing.ts'

export interface ServiceSettings {
  service: string
  version: string
  listen: Address
  metrics: Address
  zipkinUrl: string | undefined
}

export interface Surroundings {
  log: Logger
  /** uniform in [0, 1) */
  random: () => number
}

/** What a service does for its living; everything else is the same for all of them. */
export interface Business {
  addRoutes(app: FastifyInstance): void
  /** Opens what it listens on beside HTTP, if anything. */
  start?(): Promise<Address | undefined>
  /** Called once, after the last request has ended. */
  close(): Promise<void>
}

export interface Service {
  /** Rejects when a port cannot be had. */
  start(): Promise<{ address: Address; metrics: Address; beside: Address | undefined }>
  /** May be called again. Ends within two seconds, also with requests under way and nobody taking the spans. */
  stop(): Promise<void>
}

const LAST_SPANS_MS = 500

/** One demo service, the layers in the order in which a request meets them. */
export function createService(
  settings: ServiceSettings,
  { log, random }: Surroundings,
  openBusiness: (tracer: Tracer) => Business,
): Service {
  const metrics = createMetrics(settings.service, settings.version)
  const tracing = startTracing(settings, metrics)
  const business = openBusiness(tracing.tracer)
  const stopping = new AbortController()
  const routes = new Set<string>()

  const app = createApp()
  app.addHook('onRoute', route => {
    if (route.config?.plumbing !== true) routes.add(route.url)
  })
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-service-version', settings.version)
  })
  answerFailures(app, routes, log)
  observeRequests(app, tracing.tracer, metrics) // outermost: an injected fault is seen like any other answer
  addFaultSwitch(app, { routes, random, stopping: stopping.signal }, metrics)
  addHealth(app, stopping.signal)
  business.addRoutes(app)

  const metricsApp = metricsListener(metrics)
  const stop = async () => {
    stopping.abort()
    await Promise.all([closeGently(app), closeGently(metricsApp)])
    await business.close()
    await Promise.race([tracing.stop(), new Promise(resolve => setTimeout(resolve, LAST_SPANS_MS).unref())])
  }
  let stopped: Promise<void> | undefined
  return {
    async start() {
      const address = await listen(app, settings.listen, metrics.connectionDropped)
      const beside = await business.start?.()
      return { address, metrics: await listen(metricsApp, settings.metrics, metrics.connectionDropped), beside }
    },
    stop() {
      stopped ??= stop()
      return stopped
    },
  }
}

function metricsListener({ registry }: Metrics): FastifyInstance {
  const app = createApp()
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
  return app
}
