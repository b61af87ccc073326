import { crossCheckGatewayTls } from './cross-gateway.ts'
import { anyGateway, crossCheckIntentions } from './cross-intentions.ts'
import { crossCheckJwt } from './cross-jwt.ts'
import { crossCheckRoutes, type RouteScope } from './cross-routes.ts'
import { crossCheckTcp } from './cross-tcp.ts'
import { filled, layered } from './defaults.ts'
import type { Path } from './problem.ts'
import type { Loose, Report } from './report.ts'
import { defaultsField, type MeshFile, type PolicyWritten, type ServiceWritten, serviceField } from './schema.ts'
import { parseDuration } from './units.ts'

/** Everything that one field cannot know of another. Takes partial values, never throws. */
export function crossCheck(file: Loose<MeshFile>, report: Report): void {
  const services = file.services ?? {}
  const gateways = file.gateways ?? {}
  checkNames(Object.keys(services), Object.keys(gateways), report)
  checkOrder(['defaults'], file.defaults ?? {}, filled(defaultsField, file.defaults ?? {}), report)
  for (const [name, service] of Object.entries(services)) {
    const path = ['services', name]
    checkVersions(path, service ?? {}, report)
    checkOutside(path, service ?? {}, report)
    checkPolicy(path, service ?? {}, file.defaults ?? {}, report)
    if ((service?.protocol ?? file.defaults?.protocol) === 'tcp') crossCheckTcp(path, service ?? {}, report)
    const scope: RouteScope = { services, home: name, defaults: file.defaults ?? {} }
    crossCheckRoutes([...path, 'routes'], service?.routes ?? [], scope, report)
  }
  for (const [name, gateway] of Object.entries(gateways)) {
    const scope: RouteScope = { services, home: undefined, defaults: file.defaults ?? {} }
    crossCheckRoutes(['gateways', name, 'routes'], gateway?.routes ?? [], scope, report)
    if (gateway?.tls !== undefined) crossCheckGatewayTls(['gateways', name, 'tls'], gateway.tls, report)
  }
  crossCheckIntentions(file, report)
  crossCheckJwt(file, report)
}

function checkNames(services: string[], gateways: string[], report: Report): void {
  for (const name of gateways)
    if (services.includes(name))
      report.problem(['gateways', name], name, 'a name that no service has: both are identities of the mesh')
  for (const [kind, names] of [
    ['services', services],
    ['gateways', gateways],
  ] as const)
    if (names.includes(anyGateway))
      report.problem(
        [kind, anyGateway],
        anyGateway,
        `another name such as edge: in allow rules, ${anyGateway} means any gateway`,
      )
}

function checkVersions(path: Path, service: Loose<ServiceWritten>, report: Report): void {
  const versions = Object.entries(service.versions ?? {})
  const written = versions.filter(([, version]) => version?.weight !== undefined)
  if (
    versions.length > 0 &&
    written.length === versions.length &&
    written.every(([, version]) => version?.weight === 0)
  )
    report.warning(
      [...path, 'versions'],
      'all weights are zero: every request that no route sends to a version is answered 503',
    )
  if (written.length > 0)
    for (const [name, version] of versions)
      if (version?.weight === undefined)
        report.warning([...path, 'versions', name], 'it has no weight beside versions that have one: it takes 100')
}

function checkOutside(path: Path, service: Loose<ServiceWritten>, report: Report): void {
  if (service.endpoints === undefined) {
    if (service.tls !== undefined)
      report.problem(
        [...path, 'tls'],
        'tls without endpoints',
        'tls for a service outside the mesh; inside, mtls says it',
      )
    return
  }
  if (service.versions !== undefined)
    report.problem(
      [...path, 'versions'],
      'versions beside endpoints',
      'one of them: versions are told by instances that register',
    )
}

function checkPolicy(path: Path, service: Loose<ServiceWritten>, defaults: Loose<PolicyWritten>, report: Report): void {
  const effective = filled(serviceField, layered(serviceField, defaults, service)) as Loose<ServiceWritten>
  const objectives = ['availability', 'latency'] as const
  const promised = objectives.some(
    name => effective.slo?.[name] !== undefined || report.written([...path, 'slo', name]),
  )
  if (service.slo !== undefined && !promised)
    report.problem([...path, 'slo'], 'no objective', `at least one of ${objectives.join(' and ')}`)
  checkOrder(path, service, effective, report)
}

/** Orders between two times of one block, looked at where one of them is written. */
function checkOrder(path: Path, written: Loose<PolicyWritten>, effectiveValue: unknown, report: Report): void {
  const effective = effectiveValue as Loose<PolicyWritten>
  const ordered = (block: keyof PolicyWritten, low: string, high: string) => {
    const mine = written[block]
    const all = effective[block]
    if (typeof mine !== 'object' || typeof all !== 'object') return
    const values = all as Record<string, unknown>
    if (!(low in mine) && !(high in mine)) return
    const [lowText, highText] = [String(values[low]), String(values[high])]
    if ((parseDuration(lowText) ?? 0) <= (parseDuration(highText) ?? Number.POSITIVE_INFINITY)) return
    report.problem(
      [...path, block, low in mine ? low : high],
      low in mine ? lowText : highText,
      `${low} (${lowText}) up to ${high} (${highText})`,
    )
  }
  ordered('passiveHealthCheck', 'baseEjection', 'maxEjection')
  ordered('outlier', 'baseEjection', 'maxEjection')
  ordered('retries', 'backoffBase', 'backoffMax')
}
