import { readFileSync } from 'node:fs'
import { request } from 'undici'
import { TrustedRoots } from '../../protocol/credentials.ts'
import { readerOf } from '../../protocol/read.ts'
import { certificatesIn } from '../../runtime/certificate-proof.ts'
import type { Clock } from '../../runtime/clock.ts'
import { shortText } from '../../runtime/short-text.ts'

/** The roots of the mesh, as far as they are known. */
export interface Roots {
  /** PEM, one certificate each; empty: none was heard yet. */
  readonly current: readonly string[]
  /** What is wrong; '' when all is well. */
  readonly problem: string
  /** They may have changed: looks now, unless somebody just did. */
  refresh(): Promise<void>
  close(): void
}

/** Who tells of them. */
export interface RootsSource {
  /** For people. */
  name: string
  /** What it told; empty: nothing yet. */
  known(): readonly string[]
  /** Asks anew. Rejects with why there is no answer. */
  ask(): Promise<void>
}

const ANSWER_BYTES_MAX = 1024 * 1024
const ASK_EVERY_MS = 10_000
/** While something is wrong, and at most this often when a proof leads to an unknown root. */
const ASK_SOON_MS = 1000

const readRoots = readerOf(TrustedRoots, ANSWER_BYTES_MAX)

/** Keeps asking a source. */
export function trustedRoots(source: RootsSource, clock: Clock): Roots {
  let problem = `no root is known yet: ${source.name} was not asked`
  let asking: Promise<void> | undefined
  let askedMs = Number.NEGATIVE_INFINITY

  const look = async (): Promise<void> => {
    askedMs = clock.now()
    try {
      await source.ask()
      problem = ''
    } catch (error) {
      const { length } = source.known()
      const since = length === 0 ? 'no root is known yet' : `${length} known before stay trusted`
      problem = `${source.name}: ${(error as Error).message}; ${since}`
    }
  }
  const refresh = (): Promise<void> => {
    if (asking === undefined && clock.now() - askedMs >= ASK_SOON_MS)
      asking = look().finally(() => {
        asking = undefined
      })
    return asking ?? Promise.resolve()
  }
  const stop = clock.every(ASK_SOON_MS, () => {
    if (problem !== '' || clock.now() - askedMs >= ASK_EVERY_MS) void refresh()
  })
  void refresh()
  return {
    get current() {
      return source.known()
    },
    get problem() {
      return problem
    },
    refresh,
    close: stop,
  }
}

/** `where`: the base URL of control, or a PEM file. */
export function rootsAt(where: string): RootsSource {
  let known: readonly string[] = []
  return {
    name: where,
    known: () => known,
    async ask() {
      known = /^https?:/.test(where) ? await fromControl(where) : fromFile(where)
    },
  }
}

async function fromControl(url: string): Promise<string[]> {
  const { statusCode, body } = await request(new URL('/v1/identity/roots', url), {
    headersTimeout: 2000,
    bodyTimeout: 2000,
  })
  const text = await shortText(body, ANSWER_BYTES_MAX)
  if (statusCode !== 200) throw new Error(`control answered ${statusCode}: ${text.slice(0, 200)}`)
  const read = readRoots(text)
  if (read.status === 'invalid') throw new Error(`control's answer does not hold: ${read.reason}`)
  return read.value.roots.filter(pem => certificatesIn(pem).length === 1)
}

function fromFile(path: string): string[] {
  const found = certificatesIn(readFileSync(path, 'utf8')).map(certificate => certificate.toString())
  if (found.length === 0) throw new Error('the file holds no certificate')
  return found
}
