import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Measured } from './process.ts'

/** The first ones warm up the programs. */
const WARM_CONNECTIONS = 2000
const SETTLE_MS = 500

/** Resident memory that each connection of HTTP/2 in clear text adds on which one request was made, and nothing since. */
export async function bytesPerIdleConnection(process: Measured, port: number, connections: number): Promise<number> {
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
  const ack = Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0])
  const sockets: Socket[] = []
  const open = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const socket = connect({ host: '127.0.0.1', port })
      sockets.push(socket)
      await once(socket, 'connect')
      socket.write(Buffer.concat([preface, settings, ack, request(i)]))
      await once(socket, 'data')
    }
    await new Promise(resolve => setTimeout(resolve, SETTLE_MS))
    return process.rssBytes()
  }
  const before = await open(WARM_CONNECTIONS)
  const bytes = ((await open(connections)) - before) / connections
  for (const socket of sockets) socket.destroy()
  return bytes
}

/** GET /trip?id=n of backend, as literals without indexing. */
function request(n: number): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')])
  const field = (name: string, value: string) => Buffer.concat([Buffer.from([0x40]), text(name), text(value)])
  const block = Buffer.concat([
    Buffer.from([0x82, 0x86]),
    field(':path', `/trip?id=${n}`),
    field(':authority', 'backend'),
    field('user-agent', 'idle'),
  ])
  return Buffer.concat([Buffer.from([0, 0, block.length, 1, 5, 0, 0, 0, 1]), block])
}
