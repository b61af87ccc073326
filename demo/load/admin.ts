import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { type Static, Type } from 'typebox'
import { answerFailures } from '../app/failures.ts'
import { createApp } from '../app/listener.ts'
import type { Load } from './load.ts'

export const RATE_MAX = 10_000

const RateOrder = Type.Object({ rate: Type.Number({ minimum: 0, maximum: RATE_MAX }) }, { additionalProperties: false })

/** `POST /rate {"rate": 50}` changes the rate while the load runs; 0 pauses it. `GET /stats`: everything since the start. */
export function createAdmin(load: Load, log: Logger): FastifyInstance {
  const app = createApp()
  const routes = ['/rate', '/stats', '/health']
  answerFailures(app, new Set(routes), log)
  app.get('/health', () => ({ status: 'healthy' }))
  app.get('/rate', () => ({ rate: load.rate() }))
  app.get('/stats', () => load.total())
  app.post<{ Body: Static<typeof RateOrder> }>('/rate', { schema: { body: RateOrder } }, request => {
    load.setRate(request.body.rate)
    return { rate: load.rate() }
  })
  return app
}
