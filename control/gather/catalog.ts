import type { Registration } from '../../protocol/snapshot.ts'

/** One proxy as the catalog knows it. Its open stream is its heartbeat; without one it leaves at `leavesAtMs`. */
export interface Instance {
  registration: Registration
  connected: boolean
  /** Monotonic ms when its grace ends; undefined while connected. */
  leavesAtMs: number | undefined
  /** Wall clock, for people. */
  sinceWallMs: number
}

/** What registering gives: a ticket that names this stream, and whether the endpoints that others see changed. */
export type Registered =
  | { status: 'registered'; ticket: number; changed: boolean }
  | { status: 'full'; instancesMax: number }

export interface Catalog {
  /** A stream opened. The newest stream of an instance wins: an older one's end no longer counts. */
  register(registration: Registration, wallMs: number): Registered
  /** A stream ended: the instance stays for the grace, unless a newer stream of it has come. */
  release(instance: string, ticket: number, nowMs: number): void
  /** The instance said that it leaves: no grace. Gives it back, or undefined when it is not known. */
  remove(instance: string): Instance | undefined
  /** Takes out whose grace is over, and gives them back. */
  sweep(nowMs: number): Instance[]
  /** After a restart of control: instances known before it, each with `graceMs` to open its stream again. */
  restore(registrations: readonly Registration[], nowMs: number, wallMs: number, graceMs: number): void
  get(instance: string): Instance | undefined
  all(): Iterable<Instance>
  /** Sidecars of a service, in order of their id. */
  endpointsOf(service: string): Registration[]
  readonly size: number
}

/** Who is there. Pure: time comes as an argument. At most `instancesMax` instances are known. */
export function createCatalog({ graceMs, instancesMax }: { graceMs: number; instancesMax: number }): Catalog {
  const known = new Map<string, Instance & { ticket: number }>()
  const byService = new Map<string, Map<string, Registration>>()
  let tickets = 0

  const forget = (id: string) => {
    const instance = known.get(id)
    if (!instance) return undefined
    known.delete(id)
    const { service } = instance.registration
    const endpoints = byService.get(service)
    endpoints?.delete(id)
    if (endpoints?.size === 0) byService.delete(service)
    return instance
  }
  const keep = (instance: Instance & { ticket: number }) => {
    const { registration } = instance
    known.set(registration.instance, instance)
    if (registration.kind !== 'sidecar') return
    const endpoints = byService.get(registration.service) ?? new Map<string, Registration>()
    endpoints.set(registration.instance, registration)
    byService.set(registration.service, endpoints)
  }

  return {
    register(registration, wallMs) {
      const before = known.get(registration.instance)
      if (!before && known.size >= instancesMax) return { status: 'full', instancesMax }
      forget(registration.instance)
      const ticket = ++tickets
      const sinceWallMs = before && sameEndpoint(before.registration, registration) ? before.sinceWallMs : wallMs
      keep({ registration, connected: true, leavesAtMs: undefined, sinceWallMs, ticket })
      const changed = !before || !sameEndpoint(before.registration, registration)
      return { status: 'registered', ticket, changed }
    },
    release(id, ticket, nowMs) {
      const instance = known.get(id)
      if (instance?.ticket !== ticket) return
      instance.connected = false
      instance.leavesAtMs = nowMs + graceMs
    },
    remove: forget,
    sweep(nowMs) {
      const gone: Instance[] = []
      for (const [id, instance] of known) {
        if (instance.leavesAtMs === undefined || instance.leavesAtMs > nowMs) continue
        forget(id)
        gone.push(instance)
      }
      return gone
    },
    restore(registrations, nowMs, wallMs, restartGraceMs) {
      for (const registration of registrations) {
        if (known.has(registration.instance) || known.size >= instancesMax) continue
        const leavesAtMs = nowMs + restartGraceMs
        keep({ registration, connected: false, leavesAtMs, sinceWallMs: wallMs, ticket: ++tickets })
      }
    },
    get: id => known.get(id),
    all: () => known.values(),
    endpointsOf: service =>
      [...(byService.get(service)?.values() ?? [])].sort((a, b) => (a.instance < b.instance ? -1 : 1)),
    get size() {
      return known.size
    },
  }
}

/** Whether other proxies would see the same endpoint. */
function sameEndpoint(a: Registration, b: Registration): boolean {
  return (
    a.service === b.service &&
    a.version === b.version &&
    a.kind === b.kind &&
    a.address === b.address &&
    a.zone === b.zone
  )
}
