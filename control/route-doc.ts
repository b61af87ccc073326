import type { TSchema } from 'typebox'
import type { Door } from './door.ts'

/** What the OpenAPI document says of a route, beside the schemas that fastify checks requests with. */
export interface RouteDoc {
  summary: string
  /** Who may use it. */
  door: Door
  /** Query parameters of a route that checks them itself. */
  query?: TSchema
  /** Of a 200. Absent: plain text. */
  answer?: TSchema
  /** The answer is an endless stream of JSON lines, each of the `answer`'s shape. */
  stream?: boolean
  /** Status codes beside 200 that the route answers with a refusal. */
  refuses?: readonly number[]
}

declare module 'fastify' {
  interface FastifyContextConfig {
    doc?: RouteDoc
  }
}
