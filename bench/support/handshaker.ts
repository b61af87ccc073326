/**
 * Opens TLS connections to a port for some seconds, several at once, and closes each when its handshake is done; tells how many there were.
 * In a process of its own, so that it can be pinned to a core: `node bench/support/handshaker.ts PORT CA CERT KEY SECONDS full|resumed`.
 */
import { readFileSync } from 'node:fs'
import { connect, createSecureContext } from 'node:tls'

const [port, ca, cert, key, seconds, kind] = process.argv.slice(2)
const AT_ONCE = 8
const secureContext = createSecureContext({
  ca: readFileSync(ca!),
  cert: readFileSync(cert!),
  key: readFileSync(key!),
  minVersion: 'TLSv1.3',
})
const options = {
  host: '127.0.0.1',
  port: Number(port),
  secureContext,
  checkServerIdentity: () => undefined,
  ALPNProtocols: ['http/1.1'],
}
const untilMs = performance.now() + Number(seconds) * 1000
let session: Buffer | undefined
let done = 0
let resumed = 0
let failed = 0

/** A session to take up again: the server sends its ticket behind the handshake, some only before their first answer. */
async function firstSession(): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(options)
    socket.once('error', reject)
    socket.write('GET / HTTP/1.1\r\nHost: backend\r\n\r\n')
    socket.once('session', ticket => {
      resolve(ticket)
      socket.destroy()
    })
    socket.resume()
  })
}

function once(): Promise<void> {
  return new Promise(resolve => {
    const socket = connect({ ...options, ...(session === undefined ? {} : { session }) })
    socket.once('error', () => {
      failed++
      resolve()
    })
    socket.once('secureConnect', () => {
      done++
      if (socket.isSessionReused()) resumed++
      // Not every peer closes its side only because we closed ours.
      socket.end(() => socket.destroy())
    })
    socket.resume()
    socket.once('close', () => resolve())
  })
}

if (kind === 'resumed') session = await firstSession()
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (performance.now() < untilMs) await once()
  }),
)
process.stdout.write(JSON.stringify({ done, resumed, failed }))
