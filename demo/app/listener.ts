import fastify, { type FastifyInstance } from 'fastify'
import type { Address } from './address.ts'

const BODY_BYTES_MAX = 64 * 1024
const CONNECTIONS_MAX = 1_024
const CLOSE_GRACE_MS = 1_000
const IDLE_SWEEP_MS = 50

/** A fastify whose limits are set and whose validation neither coerces nor silently removes what it was not asked for. */
export function createApp(): FastifyInstance {
  return fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: 30_000,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100 },
    ajv: { customOptions: { allErrors: true, verbose: true, coerceTypes: false, removeAdditional: false } },
  })
}

/** Opens the listener; answers with the address that it really has. Rejects when the port is taken. */
export async function listen(app: FastifyInstance, { host, port }: Address, onDrop: () => void): Promise<Address> {
  app.server.maxConnections = CONNECTIONS_MAX
  app.server.on('drop', onDrop)
  await app.listen({ host, port })
  const bound = app.server.address()
  return { host, port: bound !== null && typeof bound === 'object' ? bound.port : port }
}

/** Lets the requests under way end, for a second at most; then cuts them. */
export async function closeGently(app: FastifyInstance): Promise<void> {
  // A connection that turns idle after close() began would otherwise stay open until its keep-alive ends.
  const sweep = setInterval(() => app.server.closeIdleConnections(), IDLE_SWEEP_MS)
  const cut = setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS)
  try {
    await app.close()
  } finally {
    clearInterval(sweep)
    clearTimeout(cut)
  }
}
