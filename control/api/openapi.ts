import type { FastifySchema } from 'fastify'
import type { TSchema } from 'typebox'
import type { Door } from '../door.ts'
import { Refusal } from '../refusal.ts'
import type { RouteDoc } from '../route-doc.ts'

/** A route as it was registered. */
export interface DocumentedRoute {
  method: string
  /** As fastify writes it: `/v1/services/:service`. */
  url: string
  doc: RouteDoc
  schema: FastifySchema
}

const refusalTitles: Record<number, string> = {
  400: 'The request does not fit',
  401: 'Nothing was proved',
  403: 'Not for this visitor',
  404: 'Not known',
  409: 'Not possible as things stand',
  429: 'This address failed too often',
  503: 'Not now',
}

/** OpenAPI 3.1, whose schemas are JSON Schema as typebox writes it: what checks a request is what describes it. */
export function openApiDocument(version: string, routes: readonly DocumentedRoute[]) {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = route.url.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Trimtab control',
      version,
      description: 'Who is there, how it goes, what was decided and why; and the hand on the weights.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas: { Refusal },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A token of `trimtab token create`' },
        certificate: { type: 'mutualTLS', description: 'The certificate of a proxy' },
      },
    },
  }
}

function operationOf({ method, url, doc, schema }: DocumentedRoute) {
  const query = doc.query ?? (schema.querystring as TSchema | undefined)
  const parameters = [...parametersOf('path', schema.params as TSchema | undefined), ...parametersOf('query', query)]
  return {
    operationId: operationId(method, url),
    summary: doc.summary,
    'x-trimtab-door': doc.door,
    security: doc.door === 'everybody' ? [] : securityOf(doc.door),
    ...(parameters.length > 0 && { parameters }),
    ...(schema.body !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: schema.body } } },
    }),
    responses: {
      200: {
        description: doc.stream ? 'JSON lines, for as long as the reader stays' : 'Done',
        content: contentOf(doc),
      },
      ...Object.fromEntries((doc.refuses ?? []).map(code => [code, refusalResponse(code)])),
    },
  }
}

function securityOf(door: Door) {
  return door === 'proxy' ? [{ token: [] }, { certificate: [] }] : [{ token: [] }]
}

function contentOf({ answer, stream }: RouteDoc) {
  if (!answer) return { 'text/plain': { schema: { type: 'string' } } }
  return { [stream ? 'application/x-ndjson' : 'application/json']: { schema: answer } }
}

function refusalResponse(code: number) {
  const schema = { $ref: '#/components/schemas/Refusal' }
  return { description: refusalTitles[code] ?? 'Refused', content: { 'application/json': { schema } } }
}

function parametersOf(place: 'path' | 'query', schema: TSchema | undefined) {
  const { properties = {}, required = [] } = (schema ?? {}) as {
    properties?: Record<string, TSchema>
    required?: string[]
  }
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: property,
  }))
}

/** `GET /v1/services/:service` is `getV1ServicesService`. */
function operationId(method: string, url: string): string {
  const words = url.split(/[^A-Za-z0-9]+/).filter(word => word !== '')
  return method.toLowerCase() + words.map(word => word[0]!.toUpperCase() + word.slice(1)).join('')
}
