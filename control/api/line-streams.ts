import type { FastifyReply } from 'fastify'
import { PROTOCOL } from '../../protocol/version.ts'
import type { Clock } from '../../runtime/clock.ts'

/** Readers of one API stream: the same lines for all, a sign of life each second, nobody buffered without bound. */
export interface LineStreams {
  /** Takes over the reply, greets, and writes `first`. False: too many readers already, the reply is untouched. */
  open(reply: FastifyReply, reader?: { fits?: (line: StreamLine) => boolean; first?: string }): boolean
  send(line: StreamLine): void
  readonly size: number
  close(): void
}

export interface StreamLine {
  text: string
  /** What readers choose by. */
  service: string
}

export interface LineStreamSettings {
  version: string
  readersMax: number
  /** Unread bytes after which a reader is cut. */
  unreadBytesMax: number
  /** A newer line makes an unread one worthless: a reader that is behind misses lines instead of being cut. */
  onlyNewest: boolean
  onCut(): void
}

export function lineStreams(settings: LineStreamSettings, clock: Clock): LineStreams {
  const hello = `${JSON.stringify({ protocol: PROTOCOL, program: 'control', version: settings.version })}\n`
  const readers = new Map<FastifyReply['raw'], (line: StreamLine) => boolean>()
  const write = (raw: FastifyReply['raw'], text: string) => {
    if (settings.onlyNewest && raw.writableNeedDrain) return
    raw.write(text)
    if (raw.writableLength <= settings.unreadBytesMax) return
    readers.delete(raw)
    raw.destroy()
    settings.onCut()
  }
  // An empty line: it keeps proxies and readers with a deadline awake, and every reader of JSON lines skips it.
  const stopBeating = clock.every(1000, () => {
    for (const raw of readers.keys()) write(raw, '\n')
  })
  return {
    open(reply, { fits = () => true, first = '' } = {}) {
      if (readers.size >= settings.readersMax) return false
      reply.hijack()
      const { raw } = reply
      raw.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
      raw.on('close', () => readers.delete(raw))
      raw.on('error', () => readers.delete(raw))
      raw.write(hello + first)
      readers.set(raw, fits)
      return true
    },
    send(line) {
      for (const [raw, fits] of readers) if (fits(line)) write(raw, line.text)
    },
    get size() {
      return readers.size
    },
    close() {
      stopBeating()
      for (const raw of readers.keys()) raw.end()
      readers.clear()
    },
  }
}
