import type { Registration } from '../../protocol/snapshot.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Change, StateStore } from './store.ts'

/** What the judge knew when control was last alive. */
export interface SavedJudge {
  text: string
  /** How long ago that was, by the wall clock; 0 when it was set back. */
  awayMs: number
}

export function savedJudge(store: Pick<StateStore, 'kept'>, clock: Clock): SavedJudge | undefined {
  const text = store.kept('judge')
  if (text === undefined) return undefined
  return { text, awayMs: Math.max(0, clock.wall() - Number(store.kept('judge.wallMs') ?? clock.wall())) }
}

/** Writes down, about each second and along with each decision, what must be true again after a restart. */
export interface Keeper {
  instancePut(registration: Registration): void
  instanceGone(instance: string): void
  /** Everything that is to be written now; it is taken to be written. */
  take(): Omit<Change, 'decisions'>
  close(): void
}

export interface KeeperParts {
  store: StateStore
  clock: Clock
  everyMs: number
  /** Named texts: the judge's state and the like. */
  texts(): Record<string, string>
  onWritten(): void
}

/** A large mesh takes long to write down: then it is done less often. */
const SHARE_OF_TIME = 0.02

export function createKeeper({ store, clock, everyMs, texts, onWritten }: KeeperParts): Keeper {
  let put = new Map<string, Registration>()
  let gone = new Set<string>()
  const take = () => {
    const instances = { put: [...put.values()], gone: [...gone] }
    put = new Map()
    gone = new Set()
    return { kept: { ...texts(), 'judge.wallMs': String(clock.wall()) }, instances }
  }
  const save = () => {
    store.write(take())
    if (store.failing === undefined) onWritten()
  }
  let cancel = () => {}
  const saveLater = (delayMs: number) => {
    cancel = clock.after(delayMs, () => {
      const startedMs = clock.now()
      save()
      saveLater(Math.max(everyMs, (clock.now() - startedMs) / SHARE_OF_TIME))
    })
  }
  saveLater(everyMs)
  return {
    instancePut(registration) {
      put.set(registration.instance, registration)
      gone.delete(registration.instance)
    },
    instanceGone(instance) {
      put.delete(instance)
      gone.add(instance)
    },
    take,
    close() {
      cancel()
      save()
    },
  }
}
