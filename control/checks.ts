import type { Checks } from '../runtime/ops.ts'
import type { CollectorFeed } from './gather/collector-feed.ts'
import type { Issuing } from './identity/authorities.ts'
import type { StateStore } from './state/store.ts'

/**
 * What /ready tells. A mesh file that is refused, a collector that is away, a disk that is full: control goes on serving snapshots
 * and says so, it does not become unready, for what would a restart help.
 */
export function controlChecks(parts: {
  mesh: string
  meshProblems(): readonly string[]
  feeds: readonly CollectorFeed[]
  store: Pick<StateStore, 'failing'>
  issuing(): Issuing
}): Checks {
  const problems = parts.meshProblems()
  const away = parts.feeds.filter(({ connected }) => !connected)
  const { failing } = parts.store
  const issuing = parts.issuing()
  return {
    mesh: { ok: true, required: true, detail: `${parts.mesh} is in force` },
    meshFile: {
      ok: problems.length === 0,
      required: false,
      detail:
        problems.length === 0 ? 'in force as written' : `refused, the one before is in force: ${problems.join('; ')}`,
    },
    collectors: {
      ok: away.length === 0,
      required: false,
      detail:
        away.length === 0
          ? `${parts.feeds.length} connected`
          : `nothing is judged from ${away.map(({ url, problem }) => `${url} (${problem})`).join(', ')}`,
    },
    certificates: {
      ok: issuing.status === 'ready',
      required: false,
      detail: issuing.status === 'ready' ? 'issued' : `none can be issued (${issuing.reason}): ${issuing.hint}`,
    },
    state: {
      ok: failing === undefined,
      required: false,
      detail:
        failing === undefined
          ? 'written'
          : `cannot be written (${failing}): free the disk; judging goes on in memory, a restart would fall back`,
    },
  }
}
