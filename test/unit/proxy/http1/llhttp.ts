import { createServer, type Server } from 'node:http'
import { Duplex } from 'node:stream'

/** What node:http, whose parser is llhttp in its strict mode, makes of the bytes of one connection. */
export interface StrictReading {
  requests: { method: string; target: string; headers: string[]; body: string; trailers: string[] }[]
  /** The parser's error code, null when it had nothing against the bytes. */
  refusal: string | null
}

class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done()
  }
}

export function strictReading(bytes: Buffer): Promise<StrictReading> {
  const reading: StrictReading = { requests: [], refusal: null }
  const wire = new Wire()
  const server: Server = createServer({ maxHeaderSize: 128 * 1024, keepAliveTimeout: 0 }, (request, response) => {
    let body = ''
    request.setEncoding('latin1')
    request.on('data', text => {
      body += text
    })
    request.on('end', () => {
      const { method = '', url: target = '', rawHeaders: headers, rawTrailers: trailers } = request
      reading.requests.push({ method, target, headers, body, trailers })
      response.end()
    })
  })
  server.on('clientError', (error: Error & { code?: string }) => {
    reading.refusal = error.code ?? error.message
    wire.destroy()
  })
  const closed = new Promise<StrictReading>(resolve => wire.once('close', () => resolve(reading)))
  server.emit('connection', wire)
  wire.push(bytes)
  wire.push(null)
  return closed
}
