import { Agent, request } from '../../../runtime/http-client.ts'
import type { FetchText } from './key-source.ts'

const TIMEOUT_MS = 5000
const BYTES_MAX = 256 * 1024

/** Fetches JWKS documents over http(s): within 5 s, up to 256 KiB, without following redirects. Throws with the reason. */
export function jwksFetcher(): { fetchText: FetchText; close(): Promise<void> } {
  const agent = new Agent({
    connect: { timeout: 2000 },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    maxResponseSize: BYTES_MAX,
    keepAliveTimeout: 1000,
  })
  return {
    async fetchText(url) {
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      const answer = await request(url, { dispatcher: agent, signal, headers: { accept: 'application/json' } })
      if (answer.statusCode !== 200) {
        await answer.body.dump()
        throw new Error(`it answered ${answer.statusCode}`)
      }
      return answer.body.text()
    },
    close: () => agent.destroy(),
  }
}
