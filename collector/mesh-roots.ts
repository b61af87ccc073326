import { readFileSync } from 'node:fs'
import { Compile } from 'typebox/compile'
import { request } from 'undici'
import { TrustedRoots } from '../protocol/identity.ts'
import type { Clock } from '../runtime/clock.ts'
import { shortText } from '../runtime/short-text.ts'

/** Whose certificates are followed to which roots. */
export interface MeshRoots {
  /** Undefined until they have been read once: nobody can prove anything before. */
  readonly inForce: TrustedRoots | undefined
  /** What is wrong with the newest try; undefined: nothing. */
  readonly problem: string | undefined
  close(): void
}

export interface MeshRootsParts {
  /** `http://control:8500`, or a file with what GET /v1/identity/roots answers. */
  source: string
  clock: Clock
  everyMs: number
  /** They are there, or others than before. */
  onChange(roots: TrustedRoots): void
  onProblem(reason: string): void
}

const BYTES_MAX = 2 * 1024 * 1024
const TIMEOUT_MS = 5000
/** Until they are there, nobody can report: asked more often. */
const FIRST_EVERY_MS = 500

const schema = Compile(TrustedRoots)

/** Reads the trusted roots and goes on looking: while a root is rotated there are two. What was read last stays in force. */
export function meshRoots({ source, clock, everyMs, onChange, onProblem }: MeshRootsParts): MeshRoots {
  let inForce: TrustedRoots | undefined
  let problem: string | undefined
  let closed = false
  let cancel = () => {}

  const look = async () => {
    try {
      const text = /^https?:/.test(source)
        ? await fetched(new URL('/v1/identity/roots', source))
        : readFileSync(source, 'utf8')
      const given: unknown = JSON.parse(text)
      if (!schema.Check(given) || given.roots.length === 0)
        throw new Error('it holds no roots as GET /v1/identity/roots tells them')
      if (closed) return
      problem = undefined
      if (JSON.stringify(given) !== JSON.stringify(inForce)) {
        inForce = given
        onChange(given)
      }
    } catch (error) {
      const reason = `${source}: ${(error as Error).message}`
      if (reason !== problem && !closed) onProblem(reason)
      problem = reason
    }
    if (!closed) cancel = clock.after(inForce ? everyMs : FIRST_EVERY_MS, () => void look())
  }
  void look()
  return {
    get inForce() {
      return inForce
    },
    get problem() {
      return problem
    },
    close() {
      closed = true
      cancel()
    },
  }
}

async function fetched(url: URL): Promise<string> {
  const answer = await request(url, { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS })
  const text = await shortText(answer.body, BYTES_MAX)
  if (answer.statusCode !== 200) throw new Error(`it answered ${answer.statusCode}`)
  return text
}
