import type { Socket } from 'node:net'
import { durationMs } from '../runtime/setting-readers.ts'
import { type Reader, SettingError } from '../runtime/settings.ts'
import type { Connect } from './send/connect.ts'

/** More often than balancers and NAT forget a silent connection (of the widespread ones the first does after four minutes). */
export const DEFAULT_TCP_KEEPALIVE_MS = 60_000
/** Probes without an answer after which the far end is gone. */
const PROBES = 6
/** The kernel knows whole seconds, and of them no more than this. */
const SECOND_MS = 1000
const SILENCE_MAX_MS = 32_767 * SECOND_MS

/** From 1s to 32767s, or 0s. */
export const tcpKeepalive: Reader<number> = given => {
  const silenceMs = durationMs(given)
  if (silenceMs !== 0 && (silenceMs < SECOND_MS || silenceMs > SILENCE_MAX_MS))
    throw new SettingError('a duration from 1s to 32767s, or 0s for none')
  return silenceMs
}

/**
 * Has the kernel ask on a connected socket whether its far end is still there (RFC 9293, 3.8.4): after `silenceMs`, and then six times
 * more within as much again; a far end that answers none of them is gone, which the socket tells as an error (ETIMEDOUT). 0: nobody asks.
 * It is no word about the application, whose kernel answers for it, and nothing while bytes wait for their acknowledgement: those have the
 * kernel's own time-out.
 */
export function keepAlive(socket: Socket, silenceMs: number): void {
  if (silenceMs <= 0) return
  socket.setKeepAlive(true, silenceMs, Math.max(SECOND_MS, silenceMs / PROBES), PROBES)
}

/** The same for every connection that is made. */
export function keptAlive(silenceMs: number, connect: Connect): Connect {
  return (...asked) => {
    const socket = connect(...asked)
    return socket.once('connect', () => keepAlive(socket, silenceMs))
  }
}
