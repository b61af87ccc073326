import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'

/** One thing that must hold for a program to do its work, and what to say about it. */
export interface Check {
  ok: boolean
  detail: string
  /** A failing check that is not required is told but does not make the program unready. */
  required: boolean
}

export type Checks = Record<string, Check>

/** GET /health: the process lives. GET /ready: 200 when every required check holds, else 503; both say what is wrong. */
export function healthRoutes(app: FastifyInstance, checks: () => Checks): void {
  app.get('/health', async () => ({ status: 'ok', pid: process.pid, uptimeSeconds: Math.round(process.uptime()) }))
  app.get('/ready', async (_request, reply) => {
    const found = checks()
    const ready = Object.values(found).every(check => check.ok || !check.required)
    return reply.code(ready ? 200 : 503).send({ ready, checks: found })
  })
}

/** GET /metrics of the process's own registry. */
export function metricsRoute(app: FastifyInstance, registry: Registry): void {
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
}
