import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export interface SinkSpan {
  traceId: string
  id: string
  parentId?: string
  name: string
  kind?: string
  localEndpoint: { serviceName: string }
  tags: Record<string, string>
}

export interface ZipkinSink {
  url: string
  /** The spans that have come so far. */
  spans(): SinkSpan[]
  /** Resolves with all spans as soon as they satisfy the condition; the test's own timeout bounds the wait. */
  until(satisfied: (spans: SinkSpan[]) => boolean): Promise<SinkSpan[]>
  /** The headers of the uploads, oldest first. */
  uploads(): Record<string, unknown>[]
}

/** A Zipkin v2 receiver on a free port, closed at the end of the test. */
export async function startZipkinSink(t: TestContext): Promise<ZipkinSink> {
  const received: SinkSpan[] = []
  const uploads: Record<string, unknown>[] = []
  let waiting: (() => void)[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    received.push(...JSON.parse(Buffer.concat(chunks).toString('utf8')))
    uploads.push(request.headers)
    response.writeHead(202).end()
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v2/spans`,
    spans: () => received,
    async until(satisfied) {
      while (!satisfied(received)) await new Promise<void>(resolve => waiting.push(resolve))
      return received
    },
    uploads: () => uploads,
  }
}
