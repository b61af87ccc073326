// Hot path: what is written in one turn of the event loop leaves in as few writes as can be.
import type { Writable } from 'node:stream'

export interface Flushable {
  flushTurn(): void
}

let waiting: Flushable[] = []
/** The list of the turn before, empty: the two take turns. */
let spare: Flushable[] = []

/**
 * Calls `flushTurn` once in the check phase of this turn, after all sockets that are ready were read: whoever corked its output gives it to
 * the socket then. Enter a thing only once a turn; flushing something that has nothing left is harmless.
 */
export function flushAtEndOfTurn(thing: Flushable): void {
  if (waiting.push(thing) === 1) setImmediate(flushAll)
}

function flushAll(): void {
  // What is entered meanwhile (room was made, and a body goes on) leaves in the next turn, or one fast source would hold up all others.
  const now = waiting
  waiting = spare
  for (let i = 0; i < now.length; i++) now[i]!.flushTurn()
  now.length = 0
  spare = now
}

/** Up to here bytes are copied behind the text into one buffer; above, several buffers in one writev are cheaper. */
export const COPY_BYTES_MAX = 16 * 1024

/** Writes a latin1 text, the bytes behind it and those behind them in one writev. False: congested. */
export function writeTogether(socket: Writable, text: string, chunk: Buffer, behind: Buffer | undefined): boolean {
  socket.cork()
  if (text !== '') socket.write(text, 'latin1')
  let ready = socket.write(chunk)
  if (behind !== undefined) ready = socket.write(behind)
  socket.uncork()
  return ready
}
