/** A bare proxy of node:http2 on both sides, as a program of its own: `node bench/peers/node-http2.ts <port> <upstream port>`. */
import { connect, createServer, type IncomingHttpHeaders } from 'node:http2'
import { fileURLToPath } from 'node:url'
import { type Measured, start } from '../support/process.ts'

export async function nodeHttp2(
  core: number,
  { port, upstream }: { port: number; upstream: number },
): Promise<Measured> {
  return start([process.execPath, fileURLToPath(import.meta.url), String(port), String(upstream)], {
    core,
    ready: { host: '127.0.0.1', port },
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [port, upstream] = process.argv.slice(2).map(Number)
  const client = connect(`http://127.0.0.1:${upstream}`)
  createServer()
    .on('stream', (stream, headers: IncomingHttpHeaders) => {
      const asked = client.request(headers)
      asked.on('response', answer => {
        if (stream.destroyed) return
        stream.respond(answer)
        asked.pipe(stream)
      })
      stream.pipe(asked)
      // A client that leaves in the middle, as load does at its end, is no reason to die.
      stream.on('error', () => asked.destroy())
      asked.on('error', () => stream.destroy())
    })
    .on('sessionError', () => {})
    .listen(port, '127.0.0.1')
}
