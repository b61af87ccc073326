import type { Identity } from '../../protocol/credentials.ts'
import type { Intentions } from '../../protocol/intentions.ts'
import type { Check } from '../../protocol/line-reader.ts'
import type { Listener, SnapshotLine, Telemetry, Upstream } from '../../protocol/snapshot.ts'
import { checks } from '../../protocol/word-checks.ts'
import { compileText, wholly } from '../match.ts'
import { compileSplit, type Split } from './split.ts'
import { compileRoutes, type RouteTable } from './table.ts'

/** What this proxy goes by: immutable, replaced as a whole by the next snapshot that holds. */
export interface Policy {
  epoch: number
  listener: Listener | undefined
  telemetry: Telemetry | undefined
  identity: Identity | undefined
  /** Who may call this proxy's service; undefined: nobody told, which is for authorize/ to judge. */
  intentions: Intentions | undefined
  upstreams: ReadonlyMap<string, UpstreamPolicy>
  /** Gateway: routes from outside. */
  gatewayRoutes: RouteTable
  /** As they came, to be kept on disk and to apply the next line's changes to. */
  sections: Sections
}

export interface UpstreamPolicy {
  upstream: Upstream
  routes: RouteTable
  split: Split
}

export type Sections = Readonly<Record<string, { version: number; value: unknown }>>

export const emptyPolicy: Policy = {
  epoch: 0,
  listener: undefined,
  telemetry: undefined,
  identity: undefined,
  intentions: undefined,
  upstreams: new Map(),
  gatewayRoutes: () => undefined,
  sections: {},
}

export type Applied =
  | { status: 'applied'; policy: Policy }
  | { status: 'refused'; epoch: number; reason: string }
  | { status: 'stale' }

/**
 * Applies a snapshot line to the policy in force. Only what changed is compiled again. A line that does not hold is refused as a whole with
 * its reason; one with a lower epoch is stale (an old control came back) and ignored. Sections of unknown names are kept and not read.
 */
export function applyLine(policy: Policy, line: SnapshotLine): Applied {
  if (line.epoch < policy.epoch) return { status: 'stale' }
  const sections: Record<string, { version: number; value: unknown }> = { ...policy.sections }
  const upstreams = new Map(policy.upstreams)
  let { listener, telemetry, identity, intentions, gatewayRoutes } = policy
  let reading = ''
  try {
    for (const [name, section] of Object.entries(line.sections ?? {})) {
      reading = name
      if (section === null) delete sections[name]
      else sections[name] = section
      const value = section?.value
      if (name === 'listener') {
        listener = section === null ? undefined : checked(checks.listener, value)
        gatewayRoutes = compileRoutes(listener?.routes ?? [])
      } else if (name === 'telemetry') telemetry = section === null ? undefined : checked(checks.telemetry, value)
      else if (name === 'identity') identity = section === null ? undefined : checked(checks.identity, value)
      else if (name === 'intentions') intentions = section === null ? undefined : checkedIntentions(value)
      else if (name.startsWith('upstream/')) {
        const service = name.slice('upstream/'.length)
        if (section === null) upstreams.delete(service)
        else upstreams.set(service, compileUpstream(checked(checks.upstream, value)))
      }
    }
  } catch (error) {
    return { status: 'refused', epoch: line.epoch, reason: `section ${reading}: ${(error as Error).message}` }
  }
  const { epoch } = line
  return {
    status: 'applied',
    policy: { epoch, listener, telemetry, identity, intentions, upstreams, gatewayRoutes, sections },
  }
}

/** Rules are made ready in authorize/; a regex that does not compile must refuse the snapshot before that. */
function checkedIntentions(value: unknown): Intentions {
  const intentions = checked(checks.intentions, value)
  for (const { pathRegex, headers, jwt } of intentions.rules) {
    if (pathRegex !== undefined) wholly(pathRegex)
    for (const text of [...Object.values(headers ?? {}), ...Object.values(jwt?.claims ?? {})]) compileText(text)
  }
  return intentions
}

/** Applies the first line of a stream, which carries everything: what it does not name is gone. */
export function applyWhole(policy: Policy, line: SnapshotLine): Applied {
  return applyLine({ ...emptyPolicy, epoch: policy.epoch }, line)
}

export function compileUpstream(upstream: Upstream): UpstreamPolicy {
  return { upstream, routes: compileRoutes(upstream.routes), split: compileSplit(upstream.versions) }
}

function checked<T>(check: Check<T>, value: unknown): T {
  if (check.holds(value)) return value
  throw new Error(`field ${check.problem(value)}`)
}

/** The policy that every stage reads; the subscription alone writes it. */
export interface PolicyInForce {
  readonly current: Policy
  replace(policy: Policy): void
  /** Called after each replacement, and once at once. */
  onReplace(callback: (policy: Policy) => void): void
}

export function policyInForce(first: Policy = emptyPolicy): PolicyInForce {
  let current = first
  const callbacks: ((policy: Policy) => void)[] = []
  return {
    get current() {
      return current
    },
    replace(policy) {
      current = policy
      for (const callback of callbacks) callback(policy)
    },
    onReplace(callback) {
      callbacks.push(callback)
      callback(current)
    },
  }
}
