import { type Path, suggestion } from './problem.ts'
import { looksUnfinished } from './regex.ts'
import type { Loose, Report } from './report.ts'
import type { PolicyWritten, ServiceWritten } from './schema.ts'
import type { MatchWritten, RouteWritten } from './schema-route.ts'

/** What a route may name. `home` is the service whose routes these are; a gateway has none, so its routes must name one. */
export type RouteScope = {
  services: { [name: string]: Loose<ServiceWritten> | undefined }
  home: string | undefined
  defaults: Loose<PolicyWritten>
}

export function crossCheckRoutes(path: Path, routes: Loose<RouteWritten[]>, scope: RouteScope, report: Report): void {
  const names = new Set<string>()
  for (const [index, route] of routes.entries()) {
    if (route === undefined) continue
    const here = [...path, index]
    if (route.name !== undefined && names.has(route.name))
      report.problem([...here, 'name'], route.name, 'each route name once in a list of routes')
    if (route.name !== undefined) names.add(route.name)
    if (route.rewrite?.pathPrefix !== undefined && !report.written([...here, 'match', 'pathPrefix']))
      report.problem(
        [...here, 'rewrite', 'pathPrefix'],
        'a rewrite without match.pathPrefix',
        'both, since the one stands in for the other',
      )
    checkRegexes([...here, 'match'], route.match ?? {}, report)
    checkTarget(here, route, scope, report)
  }
  const catchAll = routes.findIndex(route => route !== undefined && route.match === undefined)
  if (catchAll >= 0 && catchAll < routes.length - 1)
    report.warning(
      [...path, catchAll],
      `it fits every request, so the ${routes.length - 1 - catchAll} after it never match`,
    )
}

/** A regex that only says how a value starts never fits a longer one, which is rarely meant. */
function checkRegexes(path: Path, match: Loose<MatchWritten>, report: Report): void {
  warnIfUnfinished([...path, 'pathRegex'], match.pathRegex, report)
  for (const group of ['headers', 'query'] as const)
    for (const [name, text] of Object.entries(match[group] ?? {}))
      if (typeof text === 'object') warnIfUnfinished([...path, group, name, 'regex'], text.regex, report)
}

export function warnIfUnfinished(path: Path, regex: string | undefined, report: Report): void {
  if (regex !== undefined && looksUnfinished(regex))
    report.warning(
      path,
      `it must fit the whole value, so nothing may follow: write ${regex}.* if anything may, ${regex}$ if not`,
    )
}

function checkTarget(path: Path, route: Loose<RouteWritten>, scope: RouteScope, report: Report): void {
  const named = route.to?.service
  const target = named ?? scope.home
  if (target === undefined) {
    report.problem([...path, 'to'], 'no service', 'to.service: a gateway route must name one')
    return
  }
  if (!Object.hasOwn(scope.services, target)) {
    report.problem(
      [...path, 'to', 'service'],
      target,
      () => `a service of this file${suggestion(target, Object.keys(scope.services))}`,
    )
    return
  }
  const service = scope.services[target] ?? {}
  if (named !== undefined && (service.protocol ?? scope.defaults.protocol) === 'tcp')
    report.problem([...path, 'to', 'service'], `${target}, a tcp service`, 'a service of protocol http, http2 or grpc')
  const version = route.to?.version
  if (version === undefined) return
  const here = [...path, 'to', 'version']
  const versions = Object.keys(service.versions ?? {})
  if (service.endpoints !== undefined)
    report.problem(here, version, `no version: ${target} is outside the mesh and has none`)
  else if (versions.length === 0)
    report.warning(here, `${target} names no versions: 503 until an instance registers as ${version}`)
  else if (!versions.includes(version))
    report.problem(here, version, () => `a version of ${target}${suggestion(version, versions)}`)
}
