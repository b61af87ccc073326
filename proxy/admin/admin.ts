import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Address, listen } from '../../runtime/address.ts'
import { logLevels } from '../../runtime/log.ts'
import { certs } from './certs.ts'
import { clustersJson, clustersText } from './clusters.ts'
import { configDump } from './config-dump.ts'
import { explainAnswer } from './explain.ts'
import { statsJson, statsText } from './stats.ts'
import type { AdminView } from './view.ts'

/** The admin interface: Envoy's paths and shapes. Everything that changes something wants POST. */
export interface Admin {
  address: Address
  close(): Promise<void>
}

interface Answer {
  status?: number
  type?: 'text/plain' | 'application/json' | 'text/html'
  body: string
}

interface Path {
  method: 'GET' | 'POST'
  help: string
  answer: (view: AdminView, query: URLSearchParams, request: IncomingMessage) => Answer | Promise<Answer>
}

const json = (value: unknown, status = 200): Answer => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(value, undefined, 1)}\n`,
})
const text = (body: string, status = 200): Answer => ({ status, type: 'text/plain', body })

const paths: Record<string, Path> = {
  '/': { method: 'GET', help: 'this page', answer: view => ({ type: 'text/html', body: page(view) }) },
  '/help': { method: 'GET', help: 'every path', answer: () => text(helpText()) },
  '/ready': { method: 'GET', help: 'LIVE when requests can flow, else why not', answer: ready },
  '/health': { method: 'GET', help: 'the process lives', answer: () => json({ status: 'ok', pid: process.pid }) },
  '/server_info': { method: 'GET', help: 'who this is, since when', answer: view => json(serverInfo(view)) },
  '/clusters': {
    method: 'GET',
    help: 'upstreams and their hosts (?format=json)',
    answer: (view, query) => (query.get('format') === 'json' ? json(clustersJson(view)) : text(clustersText(view))),
  },
  '/certs': { method: 'GET', help: 'certificates shown and roots trusted', answer: view => json(certs(view)) },
  '/certs/renew': {
    method: 'POST',
    help: 'ask control for a new certificate now; no connection is dropped',
    answer: async view => {
      const { ok, detail } = await view.renewCertificate()
      return text(`${detail}\n`, ok ? 200 : 503)
    },
  },
  '/config_dump': { method: 'GET', help: 'the policy in force', answer: view => json(configDump(view)) },
  '/listeners': { method: 'GET', help: 'where requests come in (?format=json)', answer: listeners },
  '/stats': { method: 'GET', help: 'every value (?filter=regex&format=json|prometheus)', answer: stats },
  '/stats/prometheus': {
    method: 'GET',
    help: "the proxy's own metrics",
    answer: async view => text(await view.registry.metrics()),
  },
  '/memory': { method: 'GET', help: 'memory of the process', answer: view => json(memory(view)) },
  '/explain': {
    method: 'GET',
    help: 'what a request would meet (?method=GET&url=http://service/path&header=name:value) or a TCP connection (?url=tcp://service), or what the intentions say of a call to this service (&source=report&claims={})',
    answer: async (view, query) => {
      const told = await explainAnswer(view, query)
      return told.status === 'told' ? json(told.value) : text(told.reason, told.status === 'unclear' ? 400 : 421)
    },
  },
  '/logging': { method: 'POST', help: `change the log level (?level=${logLevels.join('|')})`, answer: logging },
  '/healthcheck/fail': {
    method: 'POST',
    help: 'say not ready from now on',
    answer: view => changed(() => view.failHealth(true)),
  },
  '/healthcheck/ok': { method: 'POST', help: 'take that back', answer: view => changed(() => view.failHealth(false)) },
  '/drain_listeners': {
    method: 'POST',
    help: 'take no new connections, finish what runs',
    answer: view => changed(view.drain),
  },
  '/quitquitquit': { method: 'POST', help: 'end the proxy', answer: view => changed(view.quit) },
}

export async function adminEndpoint(address: Address, view: AdminView): Promise<Admin> {
  const server = createServer({ maxHeaderSize: 64 * 1024, requestTimeout: 10_000 }, (request, response) => {
    request.resume()
    answer(view, request)
      .catch((error: Error) => text(`the admin interface failed: ${error.message}\n`, 500))
      .then(found => send(response, request, found))
  })
  server.maxConnections = 200
  const taken = await listen(server, address)
  return {
    address: taken,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(view: AdminView, request: IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://admin.invalid')
  const found = Object.hasOwn(paths, url.pathname) ? paths[url.pathname] : undefined
  if (found === undefined) return text(`invalid path ${url.pathname}. admin commands are:\n${helpText()}`, 404)
  const method = request.method === 'HEAD' ? 'GET' : request.method
  if (method !== found.method) return text(`${url.pathname} wants ${found.method}, found ${request.method}\n`, 405)
  return found.answer(view, url.searchParams, request)
}

function send(
  response: ServerResponse,
  request: IncomingMessage,
  { status = 200, type = 'text/plain', body }: Answer,
): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-cache, max-age=0',
    'x-content-type-options': 'nosniff',
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function ready(view: AdminView): Answer {
  const checks = view.checks()
  const good = view.state() === 'LIVE' && Object.values(checks).every(check => check.ok || !check.required)
  const why = Object.entries(checks).map(
    ([name, { ok, required, detail }]) => `${name}: ${ok ? 'ok' : required ? 'failed' : 'away'}, ${detail}`,
  )
  return text(
    `${good ? 'LIVE' : view.state() === 'LIVE' ? 'NOT READY' : view.state()}\n${why.join('\n')}\n`,
    good ? 200 : 503,
  )
}

function serverInfo(view: AdminView): unknown {
  const uptimeSeconds = Math.round((view.clock.wall() - view.startedWallMs) / 1000)
  return {
    version: `trimtab/${view.programVersion}/node-${process.version}`,
    state: view.state(),
    uptime_current_epoch: `${uptimeSeconds}s`,
    uptime_all_epochs: `${uptimeSeconds}s`,
    hot_restart_version: 'disabled',
    command_line_options: {
      service_node: view.node.id,
      service_cluster: view.node.service,
      concurrency: 1,
      mode: 'Serve',
    },
    node: {
      id: view.node.id,
      cluster: view.node.service,
      metadata: { version: view.node.version, role: view.node.role },
    },
    trimtab: { epoch: view.policy().epoch, pid: process.pid },
  }
}

function listeners(view: AdminView, query: URLSearchParams): Answer {
  const all = view.listeners()
  if (query.get('format') !== 'json')
    return text(`${all.map(({ name, address }) => `${name}::${address}`).join('\n')}\n`)
  return json({
    listener_statuses: all.map(({ name, address, direction, carriesTcp, stats }) => ({
      name,
      local_address: socket(address),
      trimtab: { direction, carries: carriesTcp ? 'tcp' : 'http', ...stats },
    })),
  })
}

async function stats(view: AdminView, query: URLSearchParams): Promise<Answer> {
  if (query.get('format') === 'prometheus') return text(await view.registry.metrics())
  let filter: RegExp | undefined
  try {
    const given = query.get('filter')
    if (given !== null) filter = new RegExp(given.slice(0, 200))
  } catch (error) {
    return text(
      `filter: found ${JSON.stringify(query.get('filter'))}, allowed: a regular expression (${(error as Error).message})\n`,
      400,
    )
  }
  return query.get('format') === 'json' ? json(await statsJson(view, filter)) : text(await statsText(view, filter))
}

function logging(view: AdminView, query: URLSearchParams): Answer {
  const level = query.get('level')
  if (level === null || !(logLevels as readonly string[]).includes(level))
    return text(`level: found ${JSON.stringify(level)}, allowed: ${logLevels.join(' | ')}\n`, 400)
  view.log.level = level
  return text(`active log level: ${level}\n`)
}

function memory(view: AdminView): unknown {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
  return {
    allocated: String(heapUsed),
    heap_size: String(heapTotal),
    total_physical_bytes: String(rss),
    external: String(external),
    connections: view.listeners().reduce((sum, { stats }) => sum + stats.cxActive, 0),
  }
}

function changed(change: () => void): Answer {
  change()
  return text('OK\n')
}

function helpText(): string {
  return `${Object.entries(paths)
    .map(([path, { method, help }]) => `  ${path}${method === 'POST' ? ' (POST)' : ''}: ${help}`)
    .join('\n')}\n`
}

function page(view: AdminView): string {
  const rows = Object.entries(paths).map(
    ([path, { method, help }]) =>
      `<tr><td>${method === 'GET' ? `<a href="${path}">${path}</a>` : path}</td><td>${method}</td><td>${escapeHtml(help)}</td></tr>`,
  )
  const title = escapeHtml(`${view.node.service} ${view.node.version} (${view.node.role})`)
  return `<!doctype html><meta charset="utf-8"><title>Trimtab proxy: ${title}</title><style>body{font:15px system-ui;margin:2rem}td{padding:.2rem 1rem .2rem 0}</style><h1>${title}</h1><p>instance ${escapeHtml(view.node.id)}, policy epoch ${view.policy().epoch}, ${view.state()}</p><table>${rows.join('')}</table>\n`
}

const escapeHtml = (plain: string): string => plain.replace(/[&<>"]/g, sign => `&#${sign.charCodeAt(0)};`)

function socket(address: string): unknown {
  const at = address.lastIndexOf(':')
  return { socket_address: { address: address.slice(0, at), port_value: Number(address.slice(at + 1)) } }
}
