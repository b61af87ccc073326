import { createServer, type RequestListener, type Server } from 'node:http'
import fastify, { type FastifyError, type FastifyInstance, type FastifyRequest } from 'fastify'
import Type, { type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Convert } from 'typebox/value'
import type { Door } from '../door.ts'
import { type Refusal, refuse } from '../refusal.ts'
import type { RouteDoc } from '../route-doc.ts'
import { type DocumentedRoute, openApiDocument } from './openapi.ts'

const BODY_BYTES_MAX = 64 * 1024

/** Routes that every program has, and that say nothing of themselves. */
const plainRoutes: Readonly<Record<string, RouteDoc>> = {
  '/health': { summary: 'Control lives', door: 'everybody', answer: Type.Object({ status: Type.Literal('ok') }) },
  '/ready': {
    summary: 'Control does its work; what does not hold is told',
    door: 'everybody',
    answer: Type.Unknown(),
    refuses: [503],
  },
  '/metrics': { summary: "Control's own metrics, for Prometheus", door: 'reader' },
}

/** The HTTP server of the API: every refusal has one shape, and every route stands in the OpenAPI document. */
export function createApiServer(
  version: string,
  onFailure: (error: Error) => void,
  openServer: (handler: RequestListener) => Server = handler => createServer(handler),
): FastifyInstance {
  const app = fastify({
    serverFactory: openServer,
    bodyLimit: BODY_BYTES_MAX,
    // Snapshot streams are endless: closing must not wait for them.
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
  })
  app.setValidatorCompiler(({ schema, httpPart }) => validatorOf(schema as TSchema, httpPart ?? 'request'))
  const routes: DocumentedRoute[] = []
  app.addHook('onRoute', ({ method, url, schema, config }) => {
    const doc = config?.doc ?? plainRoutes[url]
    if (doc)
      for (const one of [method].flat())
        if (one !== 'HEAD') routes.push({ method: one, url, doc, schema: schema ?? {} })
  })
  app.get(
    '/openapi.json',
    { config: { doc: { summary: 'This document', door: 'everybody', answer: Type.Unknown() } } },
    async () => openApiDocument(version, routes),
  )
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const statusCode = error.statusCode ?? 500
    if (statusCode >= 500) onFailure(error)
    return refuse(reply, statusCode, refusalOf(error, statusCode))
  })
  app.setNotFoundHandler((request, reply) => {
    const known = [...new Set(routes.map(({ method, url }) => `${method} ${url}`))].sort().join(', ')
    const message = `There is no ${request.method} ${request.url.split('?', 1)[0]}.`
    return refuse(reply, 404, {
      error: 'unknown-route',
      message,
      hint: `There are: ${known}. GET /openapi.json tells more.`,
    })
  })
  return app
}

/** The schemas check requests as they stand: nothing in a body is coerced (a weight of null must not become 0); a query is text. */
function validatorOf(schema: TSchema, part: string) {
  const check = Compile(schema)
  return (given: unknown) => {
    const value = part === 'querystring' ? Convert(schema, given) : given
    if (check.Check(value)) return { value }
    const first = check.Errors(value)[0]
    return { error: new Error(`${part}${first?.instancePath ?? ''} ${first?.message ?? 'does not fit'}`) }
  }
}

function refusalOf(error: FastifyError, statusCode: number): Refusal {
  if (statusCode === 413)
    return { error: 'body-too-large', message: error.message, hint: `At most ${BODY_BYTES_MAX} bytes are taken.` }
  if (statusCode === 415)
    return {
      error: 'unsupported-media-type',
      message: error.message,
      hint: 'Send JSON with content-type: application/json.',
    }
  if (statusCode < 500)
    return { error: 'invalid-request', message: error.message, hint: 'GET /openapi.json shows what is allowed.' }
  return {
    error: 'internal',
    message: 'Control failed to answer; its log says why.',
    hint: 'Try again; report it if it stays.',
  }
}

/** Who may use the route that a request met; undefined: it says nothing, so nobody. */
export function doorOf({ routeOptions: { config, url } }: FastifyRequest): Door | undefined {
  return config.doc?.door ?? config.door ?? plainRoutes[url ?? '']?.door
}
