import { TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Address } from '../runtime/address.ts'
import type { Clock } from '../runtime/clock.ts'
import { openTwoWayPort, type PortEvents, type TwoWayPort } from '../runtime/two-way-port.ts'
import { httpServer, type Refusal } from './http.ts'

/** `permissive`: clear text is taken beside TLS. `strict`: every request in clear text is refused. */
export type TlsMode = 'permissive' | 'strict'

/** The one port for everybody: spans, reports, decisions, queries, the live stream; by TLS as soon as there is a certificate. */
export interface MainPort {
  readonly app: FastifyInstance
  /** Gives the address that was taken. */
  listen(address: Address): Promise<string>
  setTls: TwoWayPort['setTls']
  /** Refuses what is new, and waits a while for requests under way. */
  close(): Promise<void>
}

export interface MainPortEvents extends PortEvents {
  /** `route`: of those that there are, '' for none of them. */
  clearText(route: string, outcome: 'taken' | 'refused'): void
}

const CLOSE_GRACE_MS = 1500
/** Who is still writing may never read an answer; who writes for ever is cut. */
const REST_OF_BODY_MS = 200
const refusal: Refusal = {
  error:
    'this collector takes TLS alone: ask by https (its certificate leads to the root that GET /v1/identity/roots of control shows), or start it with --tls permissive',
}

export function mainPort(
  bodyBytesMax: number,
  mode: TlsMode,
  { clock, events }: { clock: Clock; events: MainPortEvents },
): MainPort {
  let port: TwoWayPort | undefined
  const app = httpServer(bodyBytesMax, handler => {
    // A proxy's report is one request for as long as it lives.
    port = openTwoWayPort(handler, clock, events, { requestMs: 0 })
    return port.plain
  })
  app.addHook('onRequest', (request, reply, done) => {
    if (request.raw.socket instanceof TLSSocket) return done()
    events.clearText(request.routeOptions.url ?? '', mode === 'strict' ? 'refused' : 'taken')
    if (mode === 'permissive') return done()
    refuse(request, reply, clock)
  })
  return {
    app,
    async listen(address) {
      await app.ready()
      return await port!.listen(address)
    },
    setTls: tls => port!.setTls(tls),
    async close() {
      await app.close()
      await port!.close(CLOSE_GRACE_MS)
    },
  }
}

function refuse({ raw }: FastifyRequest, reply: FastifyReply, clock: Clock): void {
  const answer = () => {
    cancel()
    raw.off('end', answer)
    if (!raw.complete) reply.raw.once('finish', () => raw.destroy())
    reply.code(400).header('connection', 'close').send(refusal)
  }
  const cancel = clock.after(REST_OF_BODY_MS, answer)
  raw.once('end', answer)
  raw.once('close', cancel)
  raw.resume()
}
