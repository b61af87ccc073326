import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { MeshConfig } from '../../protocol/mesh-config/config.ts'
import { Registration, SnapshotLine } from '../../protocol/snapshot.ts'
import { PROTOCOL } from '../../protocol/version.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Visitor } from '../door.ts'
import type { Catalog } from '../gather/catalog.ts'
import { type Refusal, refuse } from '../refusal.ts'
import type { RouteDoc } from '../route-doc.ts'
import { readRegistration } from './registration.ts'
import { scopeOf } from './scope.ts'
import type { SnapshotStreams } from './streams.ts'

export interface SnapshotParts {
  clock: Clock
  /** Of this release. */
  version: string
  mesh(): MeshConfig
  catalog: Catalog
  streams: SnapshotStreams
  /** A proxy opened its stream over TLS: who holds the certificate is known now. */
  onCertificateSeen(serial: string, instance: string): void
  membership: {
    joined(
      registration: Registration,
      was: { before: Registration | undefined; changed: boolean },
      warning?: string,
    ): void
    left(registration: Registration, why: 'said-goodbye'): void
    refused(reason: string): void
  }
}

const follow: RouteDoc = {
  summary: 'Registers a proxy for as long as the stream is open, and streams the snapshot that it needs',
  door: 'proxy',
  answer: SnapshotLine,
  stream: true,
  refuses: [400, 401, 403, 503],
}
const goodbye: RouteDoc = {
  summary: 'A proxy leaves: its endpoint is taken out at once, without the grace',
  door: 'proxy',
  answer: Type.Object({ instance: Type.String() }),
  refuses: [401, 403, 404],
}

/** GET /v1/snapshots and DELETE /v1/instances/{instance}. */
export function snapshotRoutes(app: FastifyInstance, parts: SnapshotParts): void {
  const { clock, catalog, streams, membership } = parts
  const hello = `${JSON.stringify({ protocol: PROTOCOL, program: 'control', version: parts.version })}\n`

  app.get('/v1/snapshots', { config: { doc: { ...follow, query: Registration } } }, (request, reply) => {
    const read = readRegistration(request.query, parts.mesh())
    if (read.status === 'refused') {
      membership.refused(read.refusal.message)
      return refuse(reply, 400, read.refusal)
    }
    const { registration, warning } = read
    const { instance } = registration
    const before = catalog.get(instance)?.registration
    const foreign = foreignTo(request.visitor, [registration.service, before?.service])
    if (foreign !== undefined) {
      membership.refused(foreign)
      return refuse(reply, 403, notIts(foreign))
    }
    const registered = catalog.register(registration, clock.wall())
    if (registered.status === 'full') {
      const message = `${registered.instancesMax} proxies are registered, which is all that this control takes.`
      membership.refused(message)
      return refuse(reply, 503, {
        error: 'full',
        message,
        hint: 'Divide the mesh, or end proxies that are not needed.',
      })
    }
    membership.joined(registration, { before, changed: registered.changed }, warning)
    if (request.visitor.is === 'proxy' && request.visitor.serial !== undefined)
      parts.onCertificateSeen(request.visitor.serial, instance)
    reply.hijack()
    const response = reply.raw
    response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
    const onEnd = () => catalog.release(instance, registered.ticket, clock.now())
    streams.open({ instance, scope: scopeOf(registration), hello, response, onEnd })
    return reply
  })

  const params = Type.Object({ instance: Type.String({ minLength: 1, maxLength: 253 }) })
  app.delete<{ Params: { instance: string } }>(
    '/v1/instances/:instance',
    { schema: { params }, config: { doc: goodbye } },
    (request, reply) => {
      const { instance } = request.params
      const foreign = foreignTo(request.visitor, [catalog.get(instance)?.registration.service])
      if (foreign !== undefined) return refuse(reply, 403, notIts(foreign))
      const gone = catalog.remove(instance)
      if (!gone) {
        const message = `No instance ${instance} is registered.`
        return refuse(reply, 404, { error: 'unknown-instance', message, hint: 'GET /v1/status lists those that are.' })
      }
      streams.end(instance, 'left')
      membership.left(gone.registration, 'said-goodbye')
      return reply.send({ instance })
    },
  )
}

/**
 * A proxy speaks for the services of its proof only: neither may it register as another, nor take over the instance of one. Why not;
 * undefined when it may.
 */
function foreignTo(visitor: Visitor, services: readonly (string | undefined)[]): string | undefined {
  if (visitor.is !== 'proxy') return undefined
  const foreign = services.find(service => service !== undefined && !visitor.fits(service))
  return foreign === undefined ? undefined : `${visitor.name} may not speak for ${foreign}`
}

function notIts(reason: string): Refusal {
  return {
    error: 'not-allowed',
    message: `Not let in: ${reason}.`,
    hint: 'A proxy opens only what is its own: show a certificate or a join token of that service.',
  }
}
