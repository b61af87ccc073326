import { Pool } from 'undici'
import type { ErrorReason, LoadOutcome } from './tally.ts'

export interface Caller {
  /** Never rejects. */
  call(path: string): Promise<LoadOutcome>
  close(): Promise<void>
}

interface CallerSettings {
  /** Its origin is called; the path comes with each call. */
  targetUrl: string
  /** The Host header; undefined: the target's own. */
  host: string | undefined
  connections: number
  timeoutMs: number
}

const ANSWER_BYTES_MAX = 4 * 1024 * 1024

const REASONS = new Map<string, ErrorReason>([
  ['ECONNREFUSED', 'refused'],
  ['ECONNRESET', 'reset'],
  ['EPIPE', 'reset'],
  ['UND_ERR_SOCKET', 'reset'],
  ['ETIMEDOUT', 'timeout'],
  ['UND_ERR_CONNECT_TIMEOUT', 'timeout'],
  ['UND_ERR_HEADERS_TIMEOUT', 'timeout'],
  ['UND_ERR_BODY_TIMEOUT', 'timeout'],
  ['ENOTFOUND', 'name'],
  ['EAI_AGAIN', 'name'],
])

/** Keep-alive connections to one target. */
export function createCaller({ targetUrl, host, connections, timeoutMs }: CallerSettings): Caller {
  const pool = new Pool(new URL(targetUrl).origin, { connections, maxResponseSize: ANSWER_BYTES_MAX })
  const headers: Record<string, string> = { 'user-agent': 'trimtab-demo-load' }
  if (host !== undefined) headers['host'] = host
  return {
    async call(path) {
      try {
        const signal = AbortSignal.timeout(timeoutMs)
        const { statusCode, body } = await pool.request({ method: 'GET', path, headers, signal })
        for await (const _chunk of body) {
          // Read to the end, so that an answer cut short counts as the error that it is.
        }
        return { status: 'answered', code: statusCode }
      } catch (error) {
        return { status: 'failed', reason: reasonOf(error) }
      }
    },
    close: () => pool.destroy(),
  }
}

function reasonOf(error: unknown): ErrorReason {
  const { name, code } = error as { name?: string; code?: string }
  return name === 'TimeoutError' ? 'timeout' : (REASONS.get(code ?? '') ?? 'other')
}
