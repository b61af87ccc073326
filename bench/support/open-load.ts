import { createServer } from 'node:http'
import { Agent, request } from 'undici'
import { listen } from '../../runtime/address.ts'

/** An application that fails with a settable share. */
export interface Application {
  address: string
  fail(share: number): void
  close(): void
}

export async function application(): Promise<Application> {
  let share = 0
  const server = createServer((_request, response) => {
    response.statusCode = Math.random() < share ? 500 : 200
    response.end('hello')
  })
  const { port } = await listen(server, { host: '127.0.0.1', port: 0 })
  return {
    address: `127.0.0.1:${port}`,
    fail(next) {
      share = next
    },
    close: () => server.closeAllConnections(),
  }
}

export interface Load {
  readonly failed: number
  readonly sent: number
  /** What the first failures said. */
  readonly said: readonly string[]
  stop(): Promise<void>
}

const SAID_MAX = 5

/** Constant arrivals, whatever comes back. */
export function openLoad(url: string, host: string, ratePerSecond: number): Load {
  const agent = new Agent({ connections: 100, pipelining: 1 })
  const counts = { failed: 0, sent: 0 }
  const said: string[] = []
  const startedMs = performance.now()
  const under = new Set<Promise<void>>()
  const fail = (what: string): void => {
    counts.failed++
    if (said.length < SAID_MAX) said.push(what)
  }
  const one = async (): Promise<void> => {
    try {
      const answer = await request(url, { dispatcher: agent, headers: { host } })
      if (answer.statusCode < 400) await answer.body.dump()
      else fail(`${answer.statusCode} ${await answer.body.text()}`)
    } catch (error) {
      fail((error as Error).message)
    }
  }
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedMs) / 1000) * ratePerSecond)
    for (; counts.sent < due; counts.sent++) {
      const call = one()
      under.add(call)
      void call.finally(() => under.delete(call))
    }
  }, 2)
  return {
    get failed() {
      return counts.failed
    },
    get sent() {
      return counts.sent
    },
    said,
    async stop() {
      clearInterval(timer)
      await Promise.all(under)
      await agent.close()
    },
  }
}
