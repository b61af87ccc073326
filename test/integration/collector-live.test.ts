import assert from 'node:assert/strict'
import { type ClientRequest, get, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { after, afterEach, test } from 'node:test'
import { readTick, type Tick } from '../../protocol/tick.ts'
import { until } from '../support/until.ts'
import { bench, metric, type Started } from './collector-harness.ts'

const all = bench()
const open: ClientRequest[] = []
afterEach(async () => {
  for (const one of open.splice(0)) one.destroy()
  await all.end()
})
after(() => all.end())

const start = () => all.collector(all.directory(), '--clickhouse', 'off')

/** Reads the live stream; `lines` grows as it goes. */
async function live({ zipkin }: Started): Promise<{ hello: () => unknown; ticks: Tick[] }> {
  const ticks: Tick[] = []
  let hello: unknown
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    open.push(get(`http://${zipkin}/live`, resolve).on('error', reject))
  })
  answer.on('error', () => {})
  const lines = createInterface({ input: answer })
  // The end of a test breaks the stream; readline tells of it, too.
  lines.on('error', () => {})
  lines.on('line', line => {
    if (hello === undefined) {
      hello = JSON.parse(line)
      return
    }
    const read = readTick(line)
    assert.ok(read.status === 'ok', JSON.stringify(read))
    ticks.push(read.value)
  })
  return { hello: () => hello, ticks }
}

interface Reporting {
  say(line: unknown): void
  end(): void
  answer: Promise<{ status: number; body: string }>
}

function report({ zipkin }: Started): Reporting {
  const url = new URL(`http://${zipkin}/v1/reports`)
  let answered: (answer: { status: number; body: string }) => void = () => {}
  const answer = new Promise<{ status: number; body: string }>(resolve => (answered = resolve))
  const sending = request(url, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' } }, incoming => {
    let body = ''
    incoming.on('data', chunk => (body += chunk))
    incoming.on('end', () => answered({ status: incoming.statusCode ?? 0, body }))
  })
  sending.on('error', () => answered({ status: 0, body: 'the connection broke' }))
  open.push(sending)
  return {
    say: line => void sending.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`),
    end: () => void sending.end(),
    answer,
  }
}

const hello = (instance: string, fields: Record<string, unknown> = {}) => ({
  protocol: 1,
  program: 'proxy',
  version: '0.1.0',
  instance,
  service: 'gateway',
  serviceVersion: 'v1',
  kind: 'gateway',
  ...fields,
})
const keys = { 1: { source: 'gateway', upstream: 'report', version: 'v2', endpoint: '', route: 'all' } }
const line = (seq: number, requests: number) => ({
  seq,
  intervalMs: 250,
  epoch: 3,
  ...(seq === 0 ? { keys } : {}),
  rows: [
    {
      key: 1,
      requests,
      ok: requests,
      errors: { http5xx: 0, gateway: 0, reset: 0, timeout: 0 },
      clientErrors: 0,
      retries: 0,
      rescued: 0,
      inFlight: 0,
      sketch: [7, requests],
    },
  ],
})
const requestsIn = (ticks: readonly Tick[]) =>
  ticks.flatMap(({ rows }) => rows).reduce((sum, { requests }) => sum + requests, 0)

test('what several proxies report comes out merged, and each request once', async () => {
  const collector = await start()
  const { hello: said, ticks } = await live(collector)
  const proxies = ['one', 'two'].map(instance => {
    const reporting = report(collector)
    reporting.say(hello(instance))
    return reporting
  })
  for (let seq = 0; seq < 5; seq++) for (const proxy of proxies) proxy.say(line(seq, 10))
  proxies[0]!.say(line(4, 10))
  await until(
    'all requests told',
    () => requestsIn(ticks),
    sum => sum >= 100,
  )
  const tick = await until(
    'both told in one tick',
    () => ticks.at(-1),
    last => last !== undefined && ticks.length > 3,
  )
  assert.deepEqual(said(), { protocol: 1, program: 'collector', version: (said() as { version: string }).version })
  assert.ok(tick!.intervalMs > 0)
  assert.equal(requestsIn(ticks), 100, 'the line that came twice counts once')
  assert.deepEqual(
    new Set(ticks.flatMap(({ reporters }) => reporters.map(({ instance, epoch }) => `${instance} ${epoch}`))),
    new Set(['one 3', 'two 3']),
  )
  assert.equal(await metric(collector, 'report_lines_total', { outcome: 'seen-twice' }), 1)
  proxies[0]!.end()
  assert.equal((await proxies[0]!.answer).status, 200)
})

test('a proxy whose connection dies is told as missing', async () => {
  const collector = await start()
  const { ticks } = await live(collector)
  const reporting = report(collector)
  reporting.say(hello('one'))
  reporting.say(line(0, 1))
  await until('it reports', () => ticks.some(({ reporters }) => reporters.length === 1), Boolean)
  open.at(-1)!.destroy()
  const missing = await until(
    'it is missing',
    () => ticks.at(-1)?.missing ?? [],
    list => list.length === 1,
  )
  assert.equal(missing[0]!.instance, 'one')
  assert.ok(missing[0]!.silentMs > 1000)
})

test('a stream that says something else is refused with its reason', async () => {
  const collector = await start()
  const refused = async (first: unknown, code: number, reason: RegExp) => {
    const reporting = report(collector)
    reporting.say(first)
    const answer = await reporting.answer
    assert.equal(answer.status, code)
    assert.match(answer.body, reason)
  }
  await refused('GET / HTTP/1.1', 400, /no report hello: not JSON/)
  await refused(hello(''), 400, /\/instance/)
  await refused(hello('one', { protocol: 2 }), 400, /speaks protocol 2.*upgrade this collector/)
})

test('a line that cannot be read costs itself only', async () => {
  const collector = await start()
  const { ticks } = await live(collector)
  const reporting = report(collector)
  reporting.say(hello('one'))
  reporting.say(line(0, 1))
  reporting.say('{"seq":')
  reporting.say({ ...line(1, 1), rows: [{ key: 'x' }] })
  reporting.say(line(2, 1))
  await until(
    'the good ones counted',
    () => requestsIn(ticks),
    sum => sum === 2,
  )
  assert.equal(await metric(collector, 'report_lines_total', { outcome: 'invalid' }), 2)
  assert.equal(await metric(collector, 'report_lines_missed_total'), 1)
})

test('a line without end ends the stream, not the collector', async () => {
  const collector = await start()
  const reporting = report(collector)
  reporting.say(hello('one'))
  reporting.say('x'.repeat(5 * 1024 * 1024))
  assert.equal((await reporting.answer).status, 413)
  assert.equal((await fetch(`http://${collector.health}/health`)).status, 200)
})

test('a new stream of an instance takes the place of the old one, which is told so', async () => {
  const collector = await start()
  const first = report(collector)
  first.say(hello('one'))
  first.say(line(0, 1))
  await until(
    'it reports',
    () => metric(collector, 'reporters'),
    count => count === 1,
  )
  const second = report(collector)
  second.say(hello('one'))
  const answer = await first.answer
  assert.equal(answer.status, 409)
  assert.match(answer.body, /another report stream/)
  assert.equal(await metric(collector, 'reporters'), 1)
})

test('a reader that stops reading is cut, and the others go on', { timeout: 60_000 }, async () => {
  const collector = await start()
  const { ticks } = await live(collector)
  const [host, port] = collector.zipkin.split(':')
  const stuck = connect({ host: host!, port: Number(port) })
  stuck.on('error', () => {})
  stuck.write('GET /live HTTP/1.1\r\nhost: x\r\n\r\n')
  stuck.pause()
  await until(
    'two readers',
    () => metric(collector, 'live_readers'),
    count => count === 2,
  )
  // Ticks of some megabytes fill what the system holds for the reader, and then what the collector holds.
  const many = Object.fromEntries(
    Array.from({ length: 5000 }, (_, id) => [id, { ...keys[1], route: `${'r'.repeat(200)}${id}` }]),
  )
  const rows = Array.from({ length: 5000 }, (_, key) => ({ ...line(0, 1).rows[0], key }))
  const reporting = report(collector)
  reporting.say(hello('one'))
  let seq = 0
  const before = ticks.length
  await until(
    'the stuck reader cut',
    async () => {
      reporting.say({ ...line(seq, 1), keys: seq === 0 ? many : {}, rows })
      seq += 1
      return metric(collector, 'live_readers_cut_total')
    },
    count => count === 1,
  )
  await until(
    'the other one goes on',
    () => ticks.length,
    count => count > before + 1,
  )
  assert.equal(await metric(collector, 'live_readers'), 1)
  stuck.destroy()
})

test('asked to end while streams are open, it ends within its grace and says so to the proxies', async () => {
  const collector = await start()
  await live(collector)
  const reporting = report(collector)
  reporting.say(hello('one'))
  reporting.say(line(0, 1))
  await until(
    'it reports',
    () => metric(collector, 'reporters'),
    count => count === 1,
  )
  const gone = new Promise<number | null>(resolve => collector.child.once('exit', resolve))
  collector.child.kill('SIGTERM')
  assert.equal((await reporting.answer).status, 503)
  assert.equal(await gone, 0)
})
