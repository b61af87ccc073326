import { createRequire } from 'node:module'
import type * as undici from 'undici'

/**
 * The parts of undici that programs of ours use as HTTP clients. All of it brings fetch, WebSocket, caches and mocks along, twice what these
 * parts weigh: a tenth of a whole sidecar. The parts have no entrance of their own, so the files are named; undici's version is pinned.
 */
const part = createRequire(import.meta.url)

export type Agent = undici.Agent
export type AgentOptions = undici.Agent.Options
export const Agent: typeof undici.Agent = part('undici/lib/dispatcher/agent.js')
/** How connections are made, as Agent's option `connect` takes it. */
export const connectorOf: typeof undici.buildConnector = part('undici/lib/core/connect.js')

type RequestOf = (
  this: undici.Dispatcher,
  options: undici.Dispatcher.RequestOptions,
) => Promise<undici.Dispatcher.ResponseData>
const requestOf: RequestOf = part('undici/lib/api/api-request.js')

export interface RequestOptions extends Omit<undici.Dispatcher.RequestOptions, 'origin' | 'path' | 'method'> {
  /** Default: GET. */
  method?: undici.Dispatcher.HttpMethod
  dispatcher: undici.Dispatcher
}

/** One request, as undici.request makes it; `dispatcher` makes the connections. */
export function request(
  url: URL | string,
  { dispatcher, ...options }: RequestOptions,
): Promise<undici.Dispatcher.ResponseData> {
  const { origin, pathname, search } = new URL(url)
  return requestOf.call(dispatcher, { method: 'GET', ...options, origin, path: pathname + search })
}
