import type { FastifyInstance } from 'fastify'

/** `/health`: the process answers. `/ready`: it wants traffic; 503 as soon as it is stopping. */
export function addHealth(app: FastifyInstance, stopping: AbortSignal): void {
  const plumbing = { config: { plumbing: true } }
  app.get('/health', plumbing, () => ({ status: 'healthy' }))
  app.get('/ready', plumbing, (_request, reply) =>
    stopping.aborted ? reply.code(503).send({ status: 'stopping' }) : reply.send({ status: 'ready' }),
  )
}
