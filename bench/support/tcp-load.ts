/**
 * Both ends of the TCP that bench/tcp-relay.ts measures, as a process of its own so that it can be pinned:
 * `serve PORT` drops what it reads and answers a connection's first byte when that is ECHO;
 * `bulk PORT CONNECTIONS SECONDS` sends as fast as it may, `short PORT CONNECTIONS SECONDS` connects, asks, hears and ends, again and again.
 * Tells on stdout what it did: `{"bytes":N}` or `{"connections":N}`.
 */
import { connect, createServer, type Socket } from 'node:net'

const ECHO = 0x65
const BLOCK = Buffer.alloc(64 * 1024, 0x62)
const QUESTION = Buffer.alloc(100, ECHO)

const [what, port = '', connections = '1', seconds = '1'] = process.argv.slice(2)
if (what === 'serve') serve(Number(port))
else {
  const endMs = performance.now() + Number(seconds) * 1000
  const run = what === 'bulk' ? bulk : short
  const done = await Promise.all(Array.from({ length: Number(connections) }, () => run(Number(port), endMs)))
  const sum = done.reduce((all, one) => all + one, 0)
  process.stdout.write(`${JSON.stringify(what === 'bulk' ? { bytes: sum } : { connections: sum })}\n`)
  process.exit(0)
}

function serve(at: number): void {
  createServer({ noDelay: true }, socket => {
    socket.on('error', () => {})
    socket.once('data', first => {
      if (first[0] === ECHO) socket.write(first)
    })
    socket.resume()
  }).listen(at, '127.0.0.1')
}

/** Bytes that left, those that still wait in our own memory not counted. */
function bulk(at: number, endMs: number): Promise<number> {
  return new Promise(resolve => {
    const socket = connect({ port: at, host: '127.0.0.1', noDelay: true })
    const fill = (): void => {
      if (performance.now() >= endMs) {
        const sent = socket.bytesWritten - socket.writableLength
        socket.destroy()
        resolve(sent)
        return
      }
      while (socket.write(BLOCK));
    }
    socket.on('connect', fill)
    socket.on('drain', fill)
    socket.on('error', () => resolve(0))
  })
}

async function short(at: number, endMs: number): Promise<number> {
  let done = 0
  while (performance.now() < endMs) if (await once(at)) done++
  return done
}

function once(at: number): Promise<boolean> {
  return new Promise(resolve => {
    let heard = 0
    const socket: Socket = connect({ port: at, host: '127.0.0.1', noDelay: true })
    socket.write(QUESTION)
    socket.on('data', chunk => {
      heard += chunk.length
      if (heard >= QUESTION.length) socket.end()
    })
    socket.on('close', () => resolve(heard >= QUESTION.length))
    socket.on('error', () => {})
  })
}
