import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import {
  REPORT_LINE_BYTES_MAX,
  type ReportHello,
  type ReportLine,
  readReportHello,
  readReportLine,
} from '../../protocol/report.ts'
import { refusalOf } from '../../protocol/version.ts'
import type { Clock } from '../../runtime/clock.ts'
import { lineSplitter } from '../../runtime/ndjson.ts'
import { peerFacts } from '../../runtime/peer-certificate.ts'
import type { ReportEvents } from '../events-live.ts'
import type { LiveWindow, ReporterStream } from '../live/window.ts'
import type { Reporters, Sender } from '../reporters/reporters.ts'

/** A proxy sends four lines a second, also when idle. After this much silence its stream is taken for dead. */
const SILENCE_MS_MAX = 10_000
const SILENCE_CHECK_MS = 1000
/** Unreadable lines that one stream may hold before it is cut: such a writer speaks something else. */
const BAD_LINES_MAX = 100

/** Who sends, as was proved. */
type Who = Extract<Sender, { status: 'proven' }>['who']

/** How a stream ended: what the proxy is answered. */
interface Ending {
  code: 200 | 400 | 401 | 403 | 408 | 409 | 413 | 503
  reason: string
}

export interface ReportReceiver {
  /** Ends every open stream: the proxies are to come back. */
  close(): void
}

/** POST /v1/reports: one request a proxy, for as long as it lives; answered only when it ends or is refused. */
export function receiveReports(
  app: FastifyInstance,
  window: LiveWindow,
  clock: Clock,
  events: ReportEvents,
  reporters: Reporters | undefined,
): ReportReceiver {
  const open = new Set<(ending: Ending) => void>()
  app.register(async scope => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    scope.post('/v1/reports', async (request, reply) => {
      const sender = await reporters?.check(request.headers.authorization, peerFacts(request.raw.socket))
      if (sender?.status === 'refused') {
        events.streamRefused(sender.reason)
        return answer(reply, request.raw, sender)
      }
      const ending = await readReports(request.raw, window, clock, events, open, sender?.who)
      return answer(reply, request.raw, ending)
    })
  })
  return {
    close() {
      for (const end of open) end({ code: 503, reason: 'the collector is closing: open a new stream in a second' })
    },
  }
}

/** The rest of a refused stream is not read: the connection ends with the answer. */
function answer(reply: FastifyReply, request: IncomingMessage, { code, reason }: Ending): FastifyReply {
  reply.code(code)
  if (code === 503) reply.header('retry-after', '1')
  if (code !== 200) {
    reply.header('connection', 'close')
    reply.raw.once('finish', () => request.destroy())
  }
  return reply.send(code === 200 ? { status: reason } : { error: reason })
}

function readReports(
  request: IncomingMessage,
  window: LiveWindow,
  clock: Clock,
  events: ReportEvents,
  open: Set<(ending: Ending) => void>,
  who: Who | undefined,
): Promise<Ending> {
  return new Promise(resolve => {
    const connection = reportConnection(window, clock, events, who, ending => end(ending))
    let lastByteAt = clock.now()
    let ended = false
    const cancelWatch = clock.every(SILENCE_CHECK_MS, () => {
      if (clock.now() - lastByteAt > SILENCE_MS_MAX)
        end({ code: 408, reason: `nothing came for ${SILENCE_MS_MAX} ms: open a new stream` })
    })
    const splitter = lineSplitter(REPORT_LINE_BYTES_MAX, connection.line, () =>
      end({ code: 413, reason: `a line is longer than ${REPORT_LINE_BYTES_MAX} bytes` }),
    )
    function end(ending: Ending): void {
      if (ended) return
      ended = true
      open.delete(end)
      cancelWatch()
      connection.close(ending)
      request.pause()
      resolve(ending)
    }
    open.add(end)
    request.on('data', (chunk: Buffer) => {
      lastByteAt = clock.now()
      if (!ended) splitter.feed(chunk)
    })
    request.on('end', () => end({ code: 200, reason: 'the stream was read to its end' }))
    request.on('error', error => end({ code: 400, reason: `the stream broke: ${error.message}` }))
    request.on('close', () => end({ code: 400, reason: 'the connection broke' }))
  })
}

function whyNotItself(who: Who, service: string): string | undefined {
  if (who !== 'control' && who.service === service) return undefined
  const proven = who === 'control' ? 'control' : who.service
  return `it reports as ${service}, and its certificate is for ${proven}: a proxy can report only as itself`
}

/** What one stream says, line by line: first who it is, then its reports. */
function reportConnection(
  window: LiveWindow,
  clock: Clock,
  events: ReportEvents,
  who: Who | undefined,
  end: (ending: Ending) => void,
) {
  let hello: ReportHello | undefined
  let stream: ReporterStream | undefined
  let badLines = 0
  let closed = false

  /** Opens the stream, or says why not. */
  function begin(line: string): Ending | undefined {
    const read = readReportHello(line)
    if (read.status === 'invalid') return { code: 400, reason: `the first line is no report hello: ${read.reason}` }
    const refusal = refusalOf(read.value, 'collector')
    if (refusal) return { code: 400, reason: refusal }
    const notItself = who === undefined ? undefined : whyNotItself(who, read.value.service)
    if (notItself) return { code: 403, reason: notItself }
    const opened = window.open(read.value, clock.now(), reason => end({ code: 409, reason }))
    if (opened.status === 'refused') return { code: 503, reason: opened.reason }
    hello = read.value
    stream = opened.stream
    events.streamOpened(hello)
    return undefined
  }

  function report(into: ReporterStream, line: ReportLine): void {
    const taken = into.take(line, clock.now())
    if (taken.status === 'duplicate') events.lineSeenTwice()
    else {
      events.lineMerged(taken)
      if (taken.restarted && hello) events.reporterRestarted(hello.instance)
    }
  }

  /** One unreadable line costs itself only; too many of them end the stream. */
  function leaveOut(reason: string): Ending | undefined {
    events.lineInvalid(hello?.instance ?? '', reason)
    badLines += 1
    return badLines < BAD_LINES_MAX
      ? undefined
      : { code: 400, reason: `${badLines} unreadable lines, the last: ${reason}` }
  }

  return {
    line(line: string): void {
      if (closed) return
      const read = stream ? readReportLine(line) : undefined
      const ending = !stream || !read ? begin(line) : read.status === 'invalid' ? leaveOut(read.reason) : undefined
      if (stream && read?.status === 'ok') report(stream, read.value)
      if (ending) end(ending)
    },
    close(ending: Ending): void {
      closed = true
      stream?.close()
      if (hello) events.streamEnded(hello, ending.reason)
      else events.streamRefused(ending.reason)
    },
  }
}
