import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { refuse } from '../refusal.ts'
import type { LineStreams } from './line-streams.ts'
import type { Proxies } from './proxies.ts'
import { type StatusParts, serviceStatus, statusOf } from './status.ts'
import { ConfigStatus, ProxyStatus, ServiceStatus, Status } from './status-schema.ts'

const ServiceParams = Type.Object({ service: Type.String({ minLength: 1, maxLength: 253 }) })
const ServiceList = Type.Object({ services: Type.Array(ServiceStatus) })
const ProxyList = Type.Object({ proxies: Type.Array(ProxyStatus) })
/** The mesh in force with every default applied; maps are objects by name. */
const EffectiveConfig = Type.Intersect([ConfigStatus, Type.Object({ effective: Type.Unknown() })])

/** Answers that only look: status, services, proxies, the mesh file, and the live stream. */
export function statusRoutes(
  app: FastifyInstance,
  { parts, proxies, live }: { parts: StatusParts; proxies: Proxies; live: LineStreams },
): void {
  const { view, recent } = parts
  const cellsOf = (service: string) => recent.cells().filter(cell => cell.upstream === service)

  app.get(
    '/v1/status',
    {
      config: {
        doc: {
          summary: 'How the mesh stands: services, weights, traffic, budgets, proxies',
          door: 'reader',
          answer: Status,
        },
      },
    },
    async () => statusOf(parts),
  )
  app.get(
    '/v1/services',
    { config: { doc: { summary: 'Every service, as in the status', door: 'reader', answer: ServiceList } } },
    async () => ({ services: statusOf(parts).services }),
  )
  app.get<{ Params: { service: string } }>(
    '/v1/services/:service',
    {
      schema: { params: ServiceParams },
      config: {
        doc: { summary: 'One service, as in the status', door: 'reader', answer: ServiceStatus, refuses: [404] },
      },
    },
    (request, reply) => {
      const service = view.config.services.get(request.params.service)
      if (!service) return refuse(reply, 404, unknownService(request.params.service, view.config.services.keys()))
      return reply.send(serviceStatus(service, cellsOf(service.name), parts))
    },
  )
  app.get(
    '/v1/proxies',
    {
      config: {
        doc: { summary: 'Every proxy and how far it is with its snapshot', door: 'reader', answer: ProxyList },
      },
    },
    async () => ({ proxies: proxies.list() }),
  )
  app.get(
    '/v1/config',
    {
      config: {
        doc: {
          summary: 'The mesh in force, and why the file as it stands now is not',
          door: 'reader',
          answer: EffectiveConfig,
        },
      },
    },
    async () => ({ ...parts.configStatus(), effective: plain(view.config) }),
  )
  app.get(
    '/v1/live',
    {
      config: {
        doc: { summary: 'The status, a line a second', door: 'reader', answer: Status, stream: true, refuses: [503] },
      },
    },
    (_request, reply) => {
      if (live.open(reply, { first: `${JSON.stringify(statusOf(parts))}\n` })) return reply
      const message = `${live.size} readers follow the live stream already.`
      return refuse(reply, 503, { error: 'full', message, hint: 'Close one, or ask GET /v1/status.' })
    },
  )
}

export function unknownService(service: string, known: Iterable<string>) {
  return {
    error: 'unknown-service',
    message: `The mesh has no service ${service}.`,
    hint: `It has: ${[...known].slice(0, 50).join(', ') || 'none'}.`,
  }
}

/** Maps as objects, for JSON; a name such as `__proto__` stays a name. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, inner]) => [name, plain(inner)]))
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}
