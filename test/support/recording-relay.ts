import { connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { formatAddress, listen, parseAddress } from '../../runtime/address.ts'

/** Somebody on the way who writes down every byte, in both directions. */
export interface RecordingRelay {
  /** host:port where it listens. */
  readonly address: string
  /** Where connections go from now on; until then they are refused. */
  to: string | undefined
  /** Every connection so far: what went each way. */
  readonly connections: { up: Buffer[]; down: Buffer[] }[]
  /** All of it as text, byte by byte. */
  text(): string
  /** Cuts what is open. */
  cut(): void
}

export async function recordingRelay(t: TestContext): Promise<RecordingRelay> {
  const sockets = new Set<Socket>()
  const connections: RecordingRelay['connections'] = []
  const server = createServer({ allowHalfOpen: true }, from => {
    const target = parseAddress(relay.to ?? '')
    if (target === undefined) return void from.destroy()
    const record = { up: [] as Buffer[], down: [] as Buffer[] }
    connections.push(record)
    const on = connect({ ...target, allowHalfOpen: true })
    for (const socket of [from, on]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        from.destroy()
        on.destroy()
      })
    }
    from.on('data', (chunk: Buffer) => record.up.push(chunk))
    on.on('data', (chunk: Buffer) => record.down.push(chunk))
    from.pipe(on)
    on.pipe(from)
  })
  const taken = await listen(server, { host: '127.0.0.1', port: 0 })
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  t.after(() => {
    cut()
    server.close()
  })
  const relay: RecordingRelay = {
    address: formatAddress(taken),
    to: undefined,
    connections,
    text: () => connections.flatMap(({ up, down }) => [...up, ...down].map(chunk => chunk.toString('latin1'))).join(''),
    cut,
  }
  return relay
}
