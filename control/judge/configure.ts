import { propose, type Turn, weightsIn } from './moves.ts'
import { resetTest } from './sequential.ts'
import {
  askedWeight,
  createEndpoint,
  createVersion,
  hasCapacity,
  presentEndpoints,
  presentVersions,
  type ServiceState,
} from './service.ts'
import type { JudgeSettings, ServiceSettings } from './settings.ts'

/** Why settings cannot be taken: more versions than are judged. Endpoints beyond the bound are left unjudged and healthy. */
export function refusalOfSettings(settings: ServiceSettings, { versionsMax }: JudgeSettings): string | undefined {
  const names = namesOf(settings)
  if (names.size <= versionsMax) return undefined
  return `${settings.service} has ${names.size} versions, ${versionsMax} can be judged: take some out`
}

/** Takes new settings of a service in: versions and endpoints that came, changed or went, and weights that the file changed. */
export function takeSettings(turn: Turn, settings: ServiceSettings, actor: string, isNew: boolean): void {
  const { service, nowMs } = turn
  const before = service.settings
  const from = weightsIn(service)
  service.settings = settings
  takeVersions(service, settings, nowMs)
  takeEndpoints(turn, settings)
  const latencyChanged = before.slo?.latency?.underMs !== settings.slo?.latency?.underMs
  if (latencyChanged)
    for (const each of [...service.versions.values(), ...service.endpoints.values()]) resetTest(each.slow, nowMs)
  const changed = isNew ? [] : changedWeights(before, settings)
  // The later word wins: a weight that the file changes takes the place of one that a person had set.
  for (const name of changed) {
    const version = service.versions.get(name)
    if (version) version.setWeight = undefined
  }
  if (changed.length > 0) sayChanged(turn, changed, from, actor)
  if (settings.shift.mode !== 'automatic')
    letGo(turn, `shift is ${settings.shift.mode}: the judge holds no weight any more`)
  keepCapacity(turn)
}

/** Forgets versions and endpoints that left long enough ago. */
export function forgetGone(service: ServiceState, { forgetGoneMs }: JudgeSettings, nowMs: number): void {
  for (const map of [service.versions, service.endpoints] as Map<string, { goneAtMs: number | undefined }>[])
    for (const [key, { goneAtMs }] of map)
      if (goneAtMs !== undefined && nowMs - goneAtMs > forgetGoneMs) map.delete(key)
}

/**
 * The judge never leaves a service without capacity: when nothing else can carry requests any more (the other versions' endpoints left,
 * their weights were taken away), what it holds at 0 gets its weight back.
 */
export function keepCapacity(turn: Turn): void {
  const { service } = turn
  if (presentEndpoints(service).length === 0) return
  if (presentVersions(service).some(([name]) => hasCapacity(service, name))) return
  letGo(turn, 'no other version can carry requests: bad answers are better than none')
}

function takeVersions(service: ServiceState, settings: ServiceSettings, nowMs: number): void {
  const names = namesOf(settings)
  for (const name of names) {
    const version = service.versions.get(name)
    if (version) version.goneAtMs = undefined
    else service.versions.set(name, createVersion(nowMs))
  }
  for (const [name, version] of service.versions) if (!names.has(name)) version.goneAtMs ??= nowMs
}

function takeEndpoints({ service, settings: { endpointsMax }, nowMs }: Turn, settings: ServiceSettings): void {
  const present = new Set<string>()
  for (const { id, version } of settings.endpoints) {
    const known = service.endpoints.get(id)
    if (!known && service.endpoints.size >= endpointsMax) continue
    present.add(id)
    // Under another version it is another program: what it did before is not its own.
    if (known?.version === version) known.goneAtMs = undefined
    else service.endpoints.set(id, createEndpoint(version, nowMs))
  }
  for (const [id, endpoint] of service.endpoints) if (!present.has(id)) endpoint.goneAtMs ??= nowMs
}

function namesOf({ versions, endpoints }: ServiceSettings): Set<string> {
  return new Set([...versions.keys(), ...endpoints.map(({ version }) => version)])
}

/** Weights that the file changed of versions that were there before: one that comes or goes moves no other's weight. */
function changedWeights(before: ServiceSettings, after: ServiceSettings): string[] {
  return [...after.versions].flatMap(([name, weight]) => {
    const was = before.versions.get(name)
    return was === undefined || was === weight ? [] : [name]
  })
}

function sayChanged(turn: Turn, changed: readonly string[], from: Record<string, number>, actor: string): void {
  const { service } = turn
  const said = changed.map(name => `${name} ${from[name] ?? 0} -> ${askedWeight(service, name)}`).join(', ')
  const [first] = changed
  propose(
    turn,
    { action: 'config', ...(changed.length === 1 && { version: first! }), from, to: weightsIn(service), actor },
    {
      reason: `the file asks for other weights: ${said}`,
      metric: 'config',
      observed: askedWeight(service, first!),
      threshold: 0,
      evidence: {},
      windowMs: 0,
      traces: [],
    },
  )
}

/** Gives every version back what the judge holds of it. */
function letGo(turn: Turn, why: string): void {
  const { service, nowMs } = turn
  for (const [name, version] of presentVersions(service)) {
    if (version.stage.at === 'full' || askedWeight(service, name) <= 0) continue
    const from = weightsIn(service)
    version.stage = { at: 'full', sinceMs: nowMs }
    propose(
      turn,
      { action: 'restore', version: name, from, to: weightsIn(service) },
      {
        reason: `${name} gets its weight back: ${why}`,
        metric: 'capacity',
        observed: 0,
        threshold: 1,
        evidence: {},
        windowMs: 0,
        traces: [],
      },
    )
  }
}
