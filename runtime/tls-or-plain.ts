import type { Socket } from 'node:net'
import type { Clock } from './clock.ts'

/** Every TLS record of a handshake begins with content type 22 (RFC 8446 section 5.1); no method of HTTP does, nor HTTP/2's preface. */
const TLS_HANDSHAKE = 22

/** Who takes a connection once its first byte is known. The socket still holds everything that was sent. */
export interface Sides {
  tls(socket: Socket): void
  plain(socket: Socket): void
}

export interface PeekLimits {
  clock: Clock
  /** A connection that has sent nothing for so long is given up. */
  firstByteMs: number
  /** Connections that may wait for their first byte at once; one more is given up at once. */
  waitingMax: number
  /**
   * Takes a connection that is given up; without it, it is destroyed. `silent`: no first byte in time; `full`: too many wait already.
   * A peer that closes before it sent anything is no drop.
   */
  onDropped?(socket: Socket, why: 'silent' | 'full'): void
}

/** Tells TLS from clear text on one port. `take` is what a net.Server's 'connection' event calls. */
export interface TlsOrPlain {
  /** `firstByteMs`: another time to wait for this one. */
  take(socket: Socket, firstByteMs?: number): void
  /** Connections that have sent nothing yet. */
  readonly waiting: number
  /** Ends those that wait. */
  close(): void
}

/**
 * Looks at the first byte of each connection, puts it back, and hands the connection over. To a tls.Server or http.Server that does not
 * listen by itself, one hands it with `server.emit('connection', socket)`.
 */
export function tlsOrPlain(
  { tls, plain }: Sides,
  { clock, firstByteMs: firstByteMsOfAll, waitingMax, onDropped = destroy }: PeekLimits,
): TlsOrPlain {
  const waiting = new Map<Socket, () => void>()

  const take = (socket: Socket, firstByteMs = firstByteMsOfAll) => {
    if (waiting.size >= waitingMax) {
      // Without a listener a reset of a connection that nobody looks at would end the process.
      socket.on('error', ignore)
      return onDropped(socket, 'full')
    }
    const stopWaiting = () => {
      waiting.delete(socket)
      cancel()
      clearImmediate(lastLook)
      socket.off('data', first)
      socket.off('close', stopWaiting)
      socket.off('end', ended)
      socket.off('error', ignore)
    }
    const first = (bytes: Buffer) => {
      stopWaiting()
      // Stopped before it is put back: else it would be told again to nobody, before the new owner listens.
      socket.pause()
      socket.unshift(bytes)
      if (bytes[0] === TLS_HANDSHAKE) return tls(socket)
      plain(socket)
      // An owner that listens for 'data' has set the stream flowing only when nobody had paused it; TLS reads by itself.
      process.nextTick(() => {
        if (socket.listenerCount('data') > 0) socket.resume()
      })
    }
    const ended = () => {
      stopWaiting()
      socket.on('error', ignore)
      socket.destroy()
    }
    const giveUp = () => {
      stopWaiting()
      socket.on('error', ignore)
      socket.pause()
      onDropped(socket, 'silent')
    }
    let lastLook: NodeJS.Immediate | undefined
    // What came while this process was held up is read first.
    const cancel = clock.after(firstByteMs, () => {
      lastLook = setImmediate(giveUp)
    })
    waiting.set(socket, ended)
    socket.on('error', ignore)
    socket.on('close', stopWaiting)
    socket.on('end', ended)
    socket.on('data', first)
  }
  return {
    take,
    get waiting() {
      return waiting.size
    },
    close() {
      for (const end of [...waiting.values()]) end()
    },
  }
}

function destroy(socket: Socket): void {
  socket.destroy()
}

function ignore(): void {}
