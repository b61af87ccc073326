import type { RequestListener, Server } from 'node:http'
import fastify, { type FastifyError, type FastifyInstance } from 'fastify'
import { type Address, formatAddress } from '../runtime/address.ts'

/** What every HTTP answer that is not a success carries: what happened, why, what to do. */
export interface Refusal {
  error: string
}

/**
 * An HTTP server with the collector's manners: refusals are `{error}`, streams may last for days (no request timeout),
 * and closing waits for requests under way, then ends what idles. `openServer`: who listens, if not the server itself.
 */
export function httpServer(bodyBytesMax: number, openServer?: (handler: RequestListener) => Server): FastifyInstance {
  const app = fastify({
    logger: false,
    ...(openServer === undefined ? {} : { serverFactory: openServer }),
    bodyLimit: bodyBytesMax,
    requestTimeout: 0,
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
  })
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: `nothing answers ${request.method} ${request.url} here` } satisfies Refusal),
  )
  app.setErrorHandler((error: FastifyError, _request, reply) =>
    reply.code(error.statusCode ?? 500).send({ error: error.message } satisfies Refusal),
  )
  return app
}

/** Listens and answers with the address taken. A taken port rejects with its address in the message. */
export async function listenOn(app: FastifyInstance, address: Address): Promise<string> {
  try {
    await app.listen({ host: address.host, port: address.port })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    const taken = formatAddress(address)
    throw new Error(`${taken} is taken by another process: choose another port, or 0 for any free one`)
  }
  const bound = app.server.address()
  return formatAddress({ host: address.host, port: typeof bound === 'object' && bound ? bound.port : address.port })
}
