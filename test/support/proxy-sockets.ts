import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Address } from '../../runtime/address.ts'
import { formatAddress, listen } from '../../runtime/address.ts'

/** How long a test waits for bytes that never come before it says which ones; no test passes by waiting. */
const PATIENCE_MS = 5000

/** One end of a raw connection: what came in so far as latin1, and ways to wait for more. */
export interface Wire {
  readonly socket: Socket
  readonly received: string
  /** The other side has ended or reset the connection. */
  readonly ended: boolean
  send(text: string | Buffer): void
  /** Resolves with all that came once it holds `text` (count times). */
  until(text: string | RegExp, count?: number): Promise<string>
  /** Resolves when the connection is over. */
  closed(): Promise<string>
  /** Forgets what came. */
  clear(): void
  /** Goes at once, with a reset where one can be had. */
  reset(): void
}

export function wireOf(socket: Socket): Wire {
  let received = ''
  let ended = false
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const look of [...waiting]) look()
  }
  socket.on('data', chunk => {
    received += chunk.toString('latin1')
    wake()
  })
  const end = () => {
    ended = true
    wake()
  }
  socket.on('end', end)
  socket.on('close', end)
  socket.on('error', () => {})

  function wait(what: string, holds: () => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(look)
        reject(new Error(`waited for ${what}, got ${JSON.stringify(received)}${ended ? ' and the end' : ''}`))
      }, PATIENCE_MS)
      const look = () => {
        if (!holds()) return
        clearTimeout(timer)
        waiting.delete(look)
        resolve(received)
      }
      waiting.add(look)
      look()
    })
  }

  return {
    socket,
    get received() {
      return received
    },
    get ended() {
      return ended
    },
    send: text => void socket.write(text, 'latin1'),
    until: (text, count = 1) => wait(String(text), () => occurrences(received, text) >= count),
    closed: () => wait('the end', () => ended),
    clear() {
      received = ''
    },
    reset() {
      // Behind a FIN on its way Node would leak the descriptor and spin at exit.
      if (socket.writableEnded) socket.destroy()
      else socket.resetAndDestroy()
    },
  }
}

function occurrences(received: string, text: string | RegExp): number {
  if (typeof text === 'string') return received.split(text).length - 1
  return [...received.matchAll(new RegExp(text, 'g'))].length
}

/** A raw client of `address`. */
export async function dial(address: Address): Promise<Wire> {
  const socket = connect({ host: address.host, port: address.port, allowHalfOpen: true, noDelay: true })
  await once(socket, 'connect')
  return wireOf(socket)
}

/** A raw server on a free port; `onWire` plays the other side of each connection. */
export interface Origin {
  readonly address: string
  readonly wires: Wire[]
  /** The n-th connection, once it is there. */
  wire(n: number): Promise<Wire>
  close(): Promise<void>
}

export async function origin(onWire: (wire: Wire, n: number) => void = () => {}): Promise<Origin> {
  const wires: Wire[] = []
  let arrived = () => {}
  const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    const wire = wireOf(socket)
    wires.push(wire)
    onWire(wire, wires.length - 1)
    arrived()
  })
  const address = await listen(server, { host: '127.0.0.1', port: 0 })
  return {
    address: formatAddress(address),
    wires,
    async wire(n) {
      const untilMs = Date.now() + PATIENCE_MS
      while (wires.length <= n) {
        if (Date.now() > untilMs) throw new Error(`waited for connection ${n}, got ${wires.length}`)
        await new Promise<void>(resolve => {
          const timer = setTimeout(resolve, 50)
          arrived = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      return wires[n]!
    },
    close() {
      for (const { socket } of wires) socket.destroy()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}

/** Answers every request that is complete (no body, or a Content-Length) with what `answer` says. */
export function answering(answer: (request: string, n: number) => string | Buffer | undefined): (wire: Wire) => void {
  let n = 0
  return wire => {
    let rest = ''
    wire.socket.on('data', chunk => {
      rest += chunk.toString('latin1')
      for (let head = rest.indexOf('\r\n\r\n'); head >= 0; head = rest.indexOf('\r\n\r\n')) {
        const length = Number(/content-length: (\d+)/i.exec(rest.slice(0, head))?.[1] ?? 0)
        const end = head + 4 + length
        if (rest.length < end) return
        const request = rest.slice(0, end)
        rest = rest.slice(end)
        const said = answer(request, n++)
        if (said !== undefined && !wire.socket.destroyed) wire.socket.write(said, 'latin1')
      }
    })
  }
}

export function ok(body: string, more = ''): string {
  return `HTTP/1.1 200 OK\r\n${more}content-length: ${body.length}\r\n\r\n${body}`
}
