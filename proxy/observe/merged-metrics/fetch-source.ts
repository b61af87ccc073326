import { isUtf8 } from 'node:buffer'
import type { Dispatcher } from 'undici'
import type { Clock } from '../../../runtime/clock.ts'
import { request } from '../../../runtime/http-client.ts'
import { instanceHeader, scrapedByHeader } from './loop-marker.ts'
import { readBody } from './read-body.ts'
import { type Exposition, type Failure, failure, type ScrapeSource } from './source.ts'

export interface FetchSettings {
  dispatcher: Dispatcher
  clock: Clock
  /** From now until the last byte. */
  deadlineMs: number
  bodyBytesMax: number
  /** This endpoint, and the instances whose scrape this is part of, itself last. */
  instance: string
  chain: readonly string[]
  /** Passed on as `name[]`. */
  names: readonly string[]
}

/** OpenMetrics first: it says more (exemplars, units, creation times), and what is said more can be left out later. */
const acceptedFormats =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'

/** Asks a source for its metrics. Whatever goes wrong comes back as a failure with its reason. */
export async function fetchSource(source: ScrapeSource, settings: FetchSettings): Promise<Exposition | Failure> {
  const overdue = new AbortController()
  const cancel = settings.clock.after(settings.deadlineMs, () => overdue.abort())
  try {
    const answer = await ask(source, settings, overdue.signal)
    if (answer.status === 'failed') return answer
    return await readAnswer(answer.response, settings, overdue.signal)
  } finally {
    cancel()
  }
}

type Answer = { status: 'answered'; response: Dispatcher.ResponseData } | Failure

async function ask(source: ScrapeSource, settings: FetchSettings, signal: AbortSignal): Promise<Answer> {
  const url = new URL(source.url)
  for (const name of settings.names) url.searchParams.append('name[]', name)
  const headers = {
    accept: acceptedFormats,
    'accept-encoding': 'gzip',
    'user-agent': 'trimtab',
    'x-prometheus-scrape-timeout-seconds': (settings.deadlineMs / 1000).toFixed(3),
    [scrapedByHeader]: settings.chain.join(','),
  }
  try {
    const response = await request(url, { dispatcher: settings.dispatcher, headers, signal })
    return { status: 'answered', response }
  } catch (error) {
    return signal.aborted ? timedOut(settings.deadlineMs) : noAnswer(error as Error & { code?: unknown }, url)
  }
}

async function readAnswer(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  settings: FetchSettings,
  signal: AbortSignal,
): Promise<Exposition | Failure> {
  const header = (name: string) => [headers[name]].flat()[0]
  const loop =
    header(instanceHeader) === settings.instance || (statusCode === 508 && header(instanceHeader) !== undefined)
  if (loop || statusCode < 200 || statusCode > 299) {
    // Nobody reads this body: the connection goes with it.
    body.on('error', () => {}).destroy()
    return loop ? closedLoop() : wrongStatus(statusCode, header('location'))
  }
  const read = await readBody(body, header('content-encoding'), settings.bodyBytesMax)
  if (read.status === 'failed') return signal.aborted ? timedOut(settings.deadlineMs) : read
  if (!isUtf8(read.bytes)) return failure('not_metrics', 'the answer is not UTF-8 text')
  const framed = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
  return { status: 'ok', body: read.bytes.toString('utf8'), contentType: header('content-type'), framed }
}

function timedOut(deadlineMs: number): Failure {
  return failure('timeout', `no whole answer within ${(deadlineMs / 1000).toFixed(1)} s`)
}

function noAnswer(error: Error & { code?: unknown }, url: URL): Failure {
  const code = String(error.code ?? '')
  if (error.name === 'HTTPParserError')
    return failure('not_metrics', `${url.host} does not speak HTTP: ${error.message}`)
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return failure('too_large', 'the head of the answer is too large')
  if (code === 'ECONNREFUSED')
    return failure('refused', `nothing listens on ${url.host}: is the application up, is the port right?`)
  return failure('refused', `no answer from ${url.host}: ${error.message || code}`)
}

function wrongStatus(statusCode: number, location: string | undefined): Failure {
  if (location !== undefined)
    return failure('status', `answered ${statusCode}, to ${location.slice(0, 200)}: is a login in the way?`)
  if (statusCode === 404)
    return failure('status', 'answered 404: does the application serve metrics, is the path right?')
  return failure('status', `answered ${statusCode}`)
}

function closedLoop(): Failure {
  return failure('self', 'leads back to this endpoint: set the URL to where the application serves its own metrics')
}
