import { randomBytes } from 'node:crypto'
import type { Registry } from 'prom-client'
import type { MeshConfig } from '../protocol/mesh-config/config.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { openAuthority } from './authority.ts'
import type { ControlSettings } from './config.ts'
import { createDoors, type Doors, keepTokenFiles } from './doors.ts'
import { type IdentityEvents, identityEvents } from './identity/events.ts'
import { createIdentity, type Identity } from './identity/identity.ts'
import { heldCertificates } from './identity/identity-status.ts'
import { collectorHosts, ownHosts } from './identity/own-hosts.ts'
import { tokenBook } from './identity/token-book.ts'
import { identityGauges } from './identity-gauges.ts'
import type { IdentityStore } from './state/identity-store.ts'

/** Clocks of one mesh may differ by this much. */
const SKEW_MS = 60_000

/** Who is who, what they trust, and who is let in. */
export interface Trust {
  identity: Identity
  doors: Doors
  events: IdentityEvents
  certificates(limit: number): ReturnType<typeof heldCertificates>
  /** To be called about once a second. */
  look(): void
}

export interface TrustParts {
  store: IdentityStore
  clock: Clock
  log: Log
  registry: Registry
  mesh(): MeshConfig
  /** Proxies that have not applied an epoch. */
  behind(epoch: number): string[]
  /** Writes section `identity` anew for everybody; gives its epoch. */
  publish(): number
  onTls: Parameters<typeof createIdentity>[0]['onTls']
}

/** Opens the authority, makes what a first start needs, and keeps the files of tokens. Throws with what to do. */
export async function openTrust(settings: ControlSettings, parts: TrustParts): Promise<Trust> {
  const { store, clock } = parts
  const events = identityEvents(parts.log, parts.registry)
  const authorities = await openAuthority(settings, store, clock, () => parts.mesh().trustDomain)
  const identity = await createIdentity({
    store,
    authorities,
    clock,
    randomBytes,
    mesh: parts.mesh,
    dc: settings.dc,
    leafLifetimeMs: settings.certificateLifetime,
    limits: { patienceMs: settings.rotationPatience, skewMs: Math.min(SKEW_MS, settings.certificateLifetime / 10) },
    hosts: ownHosts(settings.listen.host),
    collectorHosts: collectorHosts(settings.collector),
    behind: parts.behind,
    publish: parts.publish,
    onTls: parts.onTls,
    events,
  })
  const tokens = tokenBook(store, clock, randomBytes)
  const home = () => ({ trustDomain: parts.mesh().trustDomain, dc: settings.dc })
  const doors = createDoors({ settings, clock, store, identity, tokens, home, behind: parts.behind, events })
  identityGauges(parts.registry, { identity, store, tokens, clock })
  let pin = identity.pin()
  keepTokenFiles(settings, tokens, pin, events)
  return {
    identity,
    doors,
    events,
    certificates: limit => heldCertificates(store, clock.wall(), limit),
    look() {
      identity.look()
      if (pin === identity.pin()) return
      pin = identity.pin()
      keepTokenFiles(settings, tokens, pin, events)
    },
  }
}
