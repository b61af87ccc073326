import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Hello } from '../../protocol/hello.ts'
import type { Tick } from '../../protocol/tick.ts'
import type { LiveEvents } from '../events-live.ts'

/** A reader may lag this far behind before it is cut: some ticks of a large mesh, or minutes of a small one. */
const BEHIND_BYTES_MAX = 8 * 1024 * 1024
const READERS_MAX = 64

export interface LiveStream {
  /** Writes a tick to every reader. Costs nothing when nobody reads. */
  send(tick: Tick): void
  close(): void
  readonly readers: number
}

/** GET /live: the hello, then a line per tick, for as long as the reader keeps up. */
export function liveStream(app: FastifyInstance, hello: Hello, events: LiveEvents): LiveStream {
  const readers = new Set<ServerResponse>()
  let closed = false

  app.get('/live', (request, reply) => {
    if (closed || readers.size >= READERS_MAX) {
      const error = closed
        ? 'the collector is closing: try again in a second'
        : `${READERS_MAX} readers already: close one`
      return reply.code(503).header('retry-after', '1').send({ error })
    }
    reply.hijack()
    const response = reply.raw
    response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
    response.socket?.setNoDelay(true)
    response.write(`${JSON.stringify(hello)}\n`)
    readers.add(response)
    events.readerJoined(request.ip)
    response.on('error', () => readers.delete(response))
    response.on('close', () => readers.delete(response))
    return reply
  })

  return {
    send(tick) {
      if (readers.size === 0) return
      const line = Buffer.from(`${JSON.stringify(tick)}\n`)
      for (const reader of readers) {
        if (reader.writableLength <= BEHIND_BYTES_MAX) reader.write(line)
        else {
          readers.delete(reader)
          events.readerCut(`it is ${reader.writableLength} bytes behind, ${BEHIND_BYTES_MAX} allowed`)
          reader.destroy()
        }
      }
    },
    close() {
      closed = true
      for (const reader of readers) reader.end()
      readers.clear()
    },
    get readers() {
      return readers.size
    },
  }
}
