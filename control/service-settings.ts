import type { ServiceConfig } from '../protocol/mesh-config/config.ts'
import type { Registration } from '../protocol/snapshot.ts'
import type { ServiceSettings } from './judge/settings.ts'
import { endpointsOf } from './publish/sections.ts'

/** Weight of each version of a service whose file names none. */
const EQUAL_WEIGHT = 100

/**
 * What the judge is told of a service: the file's weights and who is there. A service without `versions` gives every version that
 * is or was there (`seenVersions`) the same; where the file names some, a version that registers without being named gets 0.
 */
export function serviceSettings(
  service: ServiceConfig,
  registered: readonly Registration[],
  seenVersions: Iterable<string>,
): ServiceSettings {
  const endpoints = endpointsOf(service, registered, new Map())
  const weights = new Map<string, number>()
  for (const [version, { weight }] of service.versions) weights.set(version, weight)
  const unnamed = service.versions.size === 0 ? EQUAL_WEIGHT : 0
  const others = [...endpoints.map(({ version }) => version), ...(service.versions.size === 0 ? seenVersions : [])]
  for (const version of others) if (!weights.has(version)) weights.set(version, unnamed)
  return {
    service: service.name,
    versions: new Map([...weights].sort(([a], [b]) => (a < b ? -1 : 1))),
    endpoints: endpoints.map(({ id, version }) => ({ id, version })),
    ...(service.slo && { slo: service.slo }),
    shift: service.shift,
    ...(service.passiveHealthCheck && { passiveHealthCheck: service.passiveHealthCheck }),
    ...(service.outlier && { outlier: service.outlier }),
  }
}

/** Versions seen of services whose file names none: a version must not change its siblings' shares by restarting. Bounded. */
export interface SeenVersions {
  of(service: string): Iterable<string>
  add(service: string, version: string): void
  forget(service: string): void
}

export function seenVersions(versionsMax: number): SeenVersions {
  const seen = new Map<string, Set<string>>()
  return {
    of: service => seen.get(service) ?? [],
    add(service, version) {
      const versions = seen.get(service) ?? new Set()
      seen.set(service, versions)
      versions.delete(version)
      versions.add(version)
      const oldest = versions.values().next().value
      if (versions.size > versionsMax && oldest !== undefined) versions.delete(oldest)
    },
    forget: service => void seen.delete(service),
  }
}
