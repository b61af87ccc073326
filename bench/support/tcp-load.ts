/**
 * Both ends of the TCP that bench/tcp-relay.ts measures, as a process of its own so that it can be pinned:
 * `serve PORT` is the far end that the proxies call (tcp-far-end.ts);
 * `bulk PORT CONNECTIONS SECONDS` sends as fast as it may, `short PORT CONNECTIONS SECONDS` connects, asks, hears and ends, again and again.
 * Tells on stdout what it did: `{"bytes":N}` or `{"connections":N}`.
 */
import { connect, type Socket } from 'node:net'
import { ECHO, fill, serveTcp } from './tcp-far-end.ts'

const QUESTION = Buffer.alloc(100, ECHO)

const [what, port = '', connections = '1', seconds = '1'] = process.argv.slice(2)
if (what === 'serve') serveTcp(Number(port))
else {
  const endMs = performance.now() + Number(seconds) * 1000
  const run = what === 'bulk' ? bulk : short
  const done = await Promise.all(Array.from({ length: Number(connections) }, () => run(Number(port), endMs)))
  const sum = done.reduce((all, one) => all + one, 0)
  process.stdout.write(`${JSON.stringify(what === 'bulk' ? { bytes: sum } : { connections: sum })}\n`)
  process.exit(0)
}

/** Bytes that left, those that still wait in our own memory not counted. */
function bulk(at: number, endMs: number): Promise<number> {
  return new Promise(resolve => {
    const socket = connect({ port: at, host: '127.0.0.1', noDelay: true })
    const done = (): boolean => {
      if (performance.now() < endMs) return false
      resolve(socket.bytesWritten - socket.writableLength)
      socket.destroy()
      return true
    }
    socket.on('connect', () => fill(socket, done))
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
