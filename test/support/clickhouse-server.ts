import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Session } from 'chdb'

/**
 * Stands in for a ClickHouse server where none is to be had: answers the part of its HTTP interface that the collector uses with the
 * engine of the npm package chdb. One query at a time, no users, no replication. Argument: where to listen, HOST:PORT.
 */
const [host = '127.0.0.1', port = '8123'] = (process.argv[2] ?? '').split(':')
const engine = new Session()
/** What stands in the address beside settings: everything else in it is one. */
const noSettings = new Set(['query', 'query_id', 'database', 'default_format', 'user', 'password', 'session_id'])
const quoted = (value: string) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

async function answer(request: IncomingMessage): Promise<string> {
  const asked = new URL(request.url ?? '/', 'http://clickhouse').searchParams
  const body = await text(request)
  const query = asked.get('query')
  const settings = [...asked].filter(([name]) => !noSettings.has(name))
  for (const [name, value] of settings) engine.query(`SET ${name} = ${quoted(value)}`)
  try {
    // An insert has its statement in the address and its rows in the body.
    return engine.query(query === null ? body : `${query}\n${body}`, asked.get('default_format') ?? 'TabSeparated')
  } finally {
    for (const [name] of settings) if (!name.startsWith('param_')) engine.query(`SET ${name} = DEFAULT`)
  }
}

const server = createServer((request, response) => {
  if (request.url === '/ping') {
    response.end('Ok.\n')
    return
  }
  answer(request).then(
    result => response.end(result),
    // What ClickHouse refuses goes back as its own message.
    (error: Error) => response.writeHead(400).end(error.message),
  )
})
server.listen(Number(port), host, () => {
  const { port: taken } = server.address() as AddressInfo
  console.log(`answers as ClickHouse at ${host}:${taken}`)
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
