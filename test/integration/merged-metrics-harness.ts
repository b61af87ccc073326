import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { type Dispatcher, request } from 'undici'
import { createMergedMetrics, type MergedMetricsSettings } from '../../proxy/observe/merged-metrics/merged-metrics.ts'

export const own = () => '# HELP proxy_up Whether it runs.\n# TYPE proxy_up gauge\nproxy_up 1\n'

export async function application(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
}

/** A source that speaks bytes, not HTTP as Node would have it. */
export async function rawApplication(t: TestContext, answer: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createTcpServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
}

export const says =
  (
    body: string | Buffer,
    headers: Record<string, string> = { 'content-type': 'text/plain; version=0.0.4' },
    status = 200,
  ): RequestListener =>
  (_request, response) => {
    response.writeHead(status, headers).end(body)
  }

export async function endpoint(t: TestContext, settings: Partial<MergedMetricsSettings>): Promise<string> {
  const running = await createMergedMetrics({ own, sources: [], ...settings }).listen({ host: '127.0.0.1', port: 0 })
  t.after(() => running.close())
  return `http://127.0.0.1:${running.address.port}`
}

interface Scraped {
  status: number
  headers: Dispatcher.ResponseData['headers']
  body: string
  /** Series with their labels, to values. */
  values: Map<string, string>
}

export async function scrape(
  url: string,
  headers: Record<string, string> = {},
  method: 'GET' | 'HEAD' | 'POST' = 'GET',
): Promise<Scraped> {
  const response = await request(url, { headers, method })
  const body = await response.body.text()
  const samples = body.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  const values = new Map(
    samples.map(line => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  )
  return { status: response.statusCode, headers: response.headers, body, values }
}

export interface PageSource {
  source: string
  state: string
  reason?: string
  detail?: string
  conflicts: string[]
}

export async function sourcesPage(base: string): Promise<PageSource[]> {
  const response = await request(`${base}/metrics/sources`, { headers: { accept: 'application/json' } })
  return ((await response.body.json()) as { sources: PageSource[] }).sources
}
