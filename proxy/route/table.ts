// Hot path: compiled once per policy, asked once per request.
import type { Route } from '../../protocol/snapshot.ts'
import type { RequestHead } from '../exchange.ts'
import { compileConditions } from '../match.ts'
import { type PathEntry, pathTable } from '../path-table.ts'

/** Finds the first route, in the order written, that a request matches. `path` is normalised and without query. */
export type RouteTable = (request: RequestHead, path: string) => Route | undefined

interface Entry extends PathEntry<RequestHead> {
  route: Route
}

/** Compiles routes into a table. Throws where a regex does not compile. */
export function compileRoutes(routes: readonly Route[]): RouteTable {
  const find = pathTable<RequestHead, Entry>(
    routes.map((route, order) => ({
      order,
      route,
      path: route.match.path,
      pathPrefix: route.match.pathPrefix,
      condition: compileConditions(route.match),
    })),
  )
  return (request, path) => find(request, path)?.route
}
