import type { Decision } from '../protocol/decision.ts'
import type { Tick } from '../protocol/tick.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Catalog } from './gather/catalog.ts'
import type { Mesh } from './gather/mesh-file.ts'
import type { Judge, JudgeInput } from './judge/judge.ts'
import type { ManualAction } from './judge/manual.ts'
import type { Proposal } from './judge/proposal.ts'
import type { MeshView, Prepared, Publication } from './publish/publication.ts'
import { seenVersions, serviceSettings } from './service-settings.ts'
import type { DecisionLog } from './state/decision-log.ts'
import type { Change } from './state/store.ts'

export type Acted =
  | { status: 'done'; decisions: Decision[] }
  | { status: 'refused'; reason: string; decisions: Decision[] }

/** Where everything that happens meets the judge, and what the judge says is written down and then published, in this order. */
export interface Reconciler {
  readonly mesh: Mesh
  readonly view: MeshView
  tick(tick: Tick): void
  /** Time went on without a tick. */
  silence(): void
  meshChanged(mesh: Mesh): void
  /** An instance came or went. Those that come together are published together. */
  endpointsChanged(service: string, version: string): void
  /** What a person wants, in order; stops at the first that is refused. */
  act(actions: readonly ManualAction[], actor: string, reason: string): Acted
  close(): void
}

export interface ReconcilerParts {
  clock: Clock
  judge: Judge
  catalog: Catalog
  publication: Publication
  decisions: DecisionLog
  /** What must be written along with a decision, so that both are true after a restart. */
  along(): Omit<Change, 'decisions'>
  /** Called after each step that asked the judge, with what it took. */
  onStep(step: { kind: JudgeInput['kind']; tookMs: number; refused: string | undefined }): void
}

/**
 * Registrations are gathered this long before they are published; longer when publishing takes long, as when thousands of instances
 * of one service come at once and each is told of all. Weights and health never wait.
 */
const GATHER_MS = 50
const GATHER_MS_MAX = 2000
const GATHER_SHARE_OF_TIME = 0.25
const SEEN_VERSIONS_MAX = 32
const nothing = new Map<string, never>()

/** Puts `mesh` in force at once. */
export function createReconciler(first: Mesh, parts: ReconcilerParts): Reconciler {
  const { clock, judge, catalog, publication, decisions } = parts
  const seen = seenVersions(SEEN_VERSIONS_MAX)
  const dirty = new Set<string>()
  let gatherMs = GATHER_MS
  let cancelGather: (() => void) | undefined
  let mesh = first

  const view: MeshView = {
    get config() {
      return mesh.config
    },
    get caPems() {
      return mesh.caPems
    },
    get jwks() {
      return mesh.jwks
    },
    registered: service => catalog.endpointsOf(service),
    inForce(service) {
      const standing = judge.standing(service)
      if (standing) return standing
      // Not taken by the judge (over one of its bounds): it stands as the file has it.
      const weights = settingsOf(service)?.versions ?? nothing
      return { weights, health: nothing }
    },
  }

  const settingsOf = (service: string) => {
    const config = mesh.config.services.get(service)
    return config && serviceSettings(config, catalog.endpointsOf(service), seen.of(service))
  }
  /** Asks the judge in order. What it refuses is told; `stop`: what follows a refusal is not asked any more. */
  const ask = (inputs: readonly JudgeInput[], { stop = false } = {}) => {
    const proposals: Proposal[] = []
    const changed = new Set<string>()
    for (const input of inputs) {
      const startedMs = clock.now()
      const output = judge.take(input, startedMs)
      proposals.push(...output.proposals)
      for (const service of output.changed) changed.add(service)
      parts.onStep({ kind: input.kind, tookMs: clock.now() - startedMs, refused: output.refused })
      if (output.refused !== undefined && stop) return { proposals, changed, refused: output.refused }
    }
    return { proposals, changed, refused: undefined }
  }
  /** Written down first, then sent: a restart must not know less than the proxies. */
  const settle = (proposals: readonly Proposal[], prepared: Prepared): Decision[] => {
    const recorded = proposals.length > 0 ? decisions.record(proposals, prepared.epoch, parts.along()) : []
    prepared.send()
    return recorded
  }
  const serviceInput = (service: string, actor: string): JudgeInput[] => {
    const config = mesh.config.services.get(service)
    if (!config) return []
    return [
      { kind: 'service', settings: serviceSettings(config, catalog.endpointsOf(service), seen.of(service)), actor },
    ]
  }
  const putInForce = () => {
    const gone = judge.services().filter(service => !mesh.config.services.has(service))
    for (const service of gone) seen.forget(service)
    for (const { registration } of catalog.all())
      if (registration.kind === 'sidecar') seen.add(registration.service, registration.version)
    const { proposals } = ask([
      ...gone.map((service): JudgeInput => ({ kind: 'gone', service })),
      ...[...mesh.config.services.keys()].flatMap(service => serviceInput(service, 'file')),
    ])
    settle(proposals, publication.everything(view))
  }
  const publishGathered = () => {
    const startedMs = clock.now()
    cancelGather = undefined
    const services = [...dirty]
    dirty.clear()
    const { proposals, changed } = ask(services.flatMap(service => serviceInput(service, 'catalog')))
    settle(proposals, publication.services(new Set([...services, ...changed]), view))
    const tookMs = clock.now() - startedMs
    gatherMs = Math.min(GATHER_MS_MAX, Math.max(GATHER_MS, tookMs / GATHER_SHARE_OF_TIME))
  }
  const takeTraffic = (input: JudgeInput) => {
    const { proposals, changed } = ask([input])
    if (proposals.length > 0 || changed.size > 0) settle(proposals, publication.services(changed, view))
  }

  putInForce()
  return {
    get mesh() {
      return mesh
    },
    view,
    tick: tick => takeTraffic({ kind: 'tick', tick }),
    silence: () => takeTraffic({ kind: 'silence' }),
    meshChanged(next) {
      mesh = next
      putInForce()
    },
    endpointsChanged(service, version) {
      seen.add(service, version)
      dirty.add(service)
      cancelGather ??= clock.after(gatherMs, publishGathered)
    },
    act(actions, actor, reason) {
      const { proposals, changed, refused } = ask(
        actions.map(action => ({ kind: 'manual', action, actor, reason })),
        { stop: true },
      )
      const recorded = settle(proposals, publication.services(changed, view))
      return refused === undefined
        ? { status: 'done', decisions: recorded }
        : { status: 'refused', reason: refused, decisions: recorded }
    },
    close: () => cancelGather?.(),
  }
}
