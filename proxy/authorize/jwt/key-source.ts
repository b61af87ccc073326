import type { Clock } from '../../../runtime/clock.ts'
import { type KeySet, readKeySet } from './key-set.ts'

/** Where a provider's keys come from. The last good ones are kept, whatever fails after. */
export interface KeySource {
  readonly current: KeySet | undefined
  /** What is wrong, for /ready; '' when all is well. */
  readonly problem: string
  readonly fetched: { ok: number; failed: number }
  /** Resolves once the reading under way, if any, is over. */
  settled(): Promise<void>
  /** A token names a key that is not among them: reads them anew, though not more often than its bound, and resolves when that is over. */
  refresh(): Promise<void>
  close(): void
}

/** Gives the text of a JWKS document, or throws with the reason. */
export type FetchText = (url: string) => Promise<string>

export interface KeySourceParts {
  clock: Clock
  /** In [0, 1), for jitter. */
  random: () => number
  fetchText: FetchText
  /** The keys, or what is wrong with them, changed. */
  onChange(problem: string): void
}

const REFRESH_MS = 600_000
const RETRY_MS = 1000
const RETRY_MS_MAX = 60_000
/** Strangers can make up key ids at will: they may cost the provider this much and no more. */
const UNKNOWN_KEY_REFRESH_MS = 10_000

/** Keys that control read from a file: there when they are read, and replaced by another source when the file changes. */
export function keysOfText(text: string, { onChange }: Pick<KeySourceParts, 'onChange'>): KeySource {
  let current: KeySet | undefined
  let problem = 'the keys are being read'
  const fetched = { ok: 0, failed: 0 }
  const reading = readKeySet(text).then(read => {
    if (read.status === 'ok') current = read.keySet
    fetched[read.status === 'ok' ? 'ok' : 'failed']++
    problem = read.status === 'ok' ? '' : `the JWKS file does not hold: ${read.reason}`
    onChange(problem)
  })
  return {
    get current() {
      return current
    },
    get problem() {
      return problem
    },
    fetched,
    settled: () => reading,
    refresh: () => reading,
    close() {},
  }
}

/** Keys from a URL: fetched at once, then every ten minutes, sooner after a failure and when a token names a key that is not known. */
export function keysFromUrl(url: string, parts: KeySourceParts): KeySource {
  const { clock, random } = parts
  let current: KeySet | undefined
  let problem = 'the keys were not fetched yet'
  let underWay: Promise<void> | undefined
  let fetchedMs = Number.NEGATIVE_INFINITY
  let failures = 0
  let closed = false
  let cancelNext = () => {}
  const fetched = { ok: 0, failed: 0 }

  const tell = (now: string) => {
    if (now === problem) return
    problem = now
    parts.onChange(problem)
  }
  const read = async (): Promise<void> => {
    const got = await keysAt(url, parts.fetchText)
    if (closed) return
    if (got.status === 'ok') current = got.keySet
    failures = got.status === 'ok' ? 0 : failures + 1
    fetched[got.status === 'ok' ? 'ok' : 'failed']++
    tell(got.status === 'ok' ? '' : `${url}: ${got.reason}`)
    const delayMs = failures === 0 ? REFRESH_MS : Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** (failures - 1))
    cancelNext = clock.after(delayMs * (0.75 + random() / 4), begin)
  }
  const begin = () => {
    cancelNext()
    fetchedMs = clock.now()
    underWay = read().finally(() => {
      underWay = undefined
    })
  }
  begin()
  return {
    get current() {
      return current
    },
    get problem() {
      return problem
    },
    fetched,
    settled: () => underWay ?? Promise.resolve(),
    refresh() {
      if (underWay === undefined && clock.now() - fetchedMs >= UNKNOWN_KEY_REFRESH_MS) begin()
      return underWay ?? Promise.resolve()
    },
    close() {
      closed = true
      cancelNext()
    },
  }
}

async function keysAt(url: string, fetchText: FetchText): ReturnType<typeof readKeySet> {
  try {
    return await readKeySet(await fetchText(url))
  } catch (error) {
    return { status: 'bad', reason: (error as Error).message }
  }
}
