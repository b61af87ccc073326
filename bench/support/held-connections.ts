import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Measured } from './process.ts'
import { ECHO, FILL, fill, HOLD } from './tcp-far-end.ts'

/** What becomes of a connection: nothing, or one side sends as fast as it may while the other reads nothing. */
export const heldKinds = ['idle', 'its client reads nothing', 'its server reads nothing'] as const
type HeldKind = (typeof heldKinds)[number]

const SETTLE_MS = 2500
const firstBytes: Record<HeldKind, number> = {
  idle: ECHO,
  'its client reads nothing': FILL,
  'its server reads nothing': HOLD,
}

/**
 * Resident memory that each connection of a kind adds, in the order of `heldKinds`. They are held one beside the other, so that none lives
 * on what another left. What the kernel holds for its sockets is in none of it.
 */
export async function bytesPerHeldConnection(process: Measured, port: number, connections: number): Promise<number[]> {
  const sockets: Socket[] = []
  const open = async (kind: HeldKind): Promise<number> => {
    for (let i = 0; i < connections; i++) sockets.push(await held(kind, port))
    await new Promise(resolve => setTimeout(resolve, SETTLE_MS))
    return process.rssBytes()
  }
  // What the first connections take is the program's.
  let before = await open('idle')
  const bytes: number[] = []
  for (const kind of heldKinds) {
    const now = await open(kind)
    bytes.push((now - before) / connections)
    before = now
  }
  for (const socket of sockets) socket.destroy()
  return bytes
}

async function held(kind: HeldKind, port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(Buffer.of(firstBytes[kind]))
  if (kind !== 'its client reads nothing') await once(socket, 'data')
  if (kind === 'its server reads nothing') fill(socket)
  return socket
}
