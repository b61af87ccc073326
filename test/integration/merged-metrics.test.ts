import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { type Dispatcher, request } from 'undici'
import { parse } from '../../protocol/prometheus/parse.ts'
import { createMergedMetrics, type MergedMetricsSettings } from '../../proxy/observe/merged-metrics/merged-metrics.ts'
import type { ScrapeSource } from '../../proxy/observe/merged-metrics/source.ts'
import { systemClock } from '../../runtime/clock.ts'
import { assertWellFormed } from '../unit/protocol/prometheus/exposition-rules.ts'

const own = () => '# HELP proxy_up Whether it runs.\n# TYPE proxy_up gauge\nproxy_up 1\n'

async function application(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
}

/** A source that speaks bytes, not HTTP as Node would have it. */
async function rawApplication(t: TestContext, answer: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createTcpServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
}

const says =
  (
    body: string | Buffer,
    headers: Record<string, string> = { 'content-type': 'text/plain; version=0.0.4' },
    status = 200,
  ): RequestListener =>
  (_request, response) => {
    response.writeHead(status, headers).end(body)
  }

async function endpoint(t: TestContext, settings: Partial<MergedMetricsSettings>): Promise<string> {
  const running = await createMergedMetrics({ own, sources: [], ...settings }).listen({ host: '127.0.0.1', port: 0 })
  t.after(() => running.close())
  return `http://127.0.0.1:${running.address.port}`
}

interface Scraped {
  status: number
  headers: Dispatcher.ResponseData['headers']
  body: string
  /** Series with their labels, to values. */
  values: Map<string, string>
}

async function scrape(
  url: string,
  headers: Record<string, string> = {},
  method: 'GET' | 'HEAD' | 'POST' = 'GET',
): Promise<Scraped> {
  const response = await request(url, { headers, method })
  const body = await response.body.text()
  const samples = body.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  const values = new Map(
    samples.map(line => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  )
  return { status: response.statusCode, headers: response.headers, body, values }
}

interface PageSource {
  source: string
  state: string
  reason?: string
  detail?: string
  conflicts: string[]
}

async function sourcesPage(base: string): Promise<PageSource[]> {
  const response = await request(`${base}/metrics/sources`, { headers: { accept: 'application/json' } })
  return ((await response.body.json()) as { sources: PageSource[] }).sources
}

test('a proxy and several application ports become one exposition, each family once', async t => {
  const body = (total: number) =>
    `# HELP go_gc_cycles_total Cycles.\n# TYPE go_gc_cycles_total counter\ngo_gc_cycles_total ${total}\n`
  const first = await application(t, says(`${body(1)}# TYPE one gauge\none 1`))
  const second = await application(t, says(`${body(2)}# TYPE two gauge\ntwo 2\n`))
  const base = await endpoint(t, {
    sources: [
      { name: 'first', url: first },
      { name: 'second', url: second },
    ],
  })
  const { status, body: merged, values, headers } = await scrape(`${base}/metrics`)
  assert.equal(status, 200)
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  assertWellFormed(merged, 'text')
  assert.equal(values.get('proxy_up'), '1')
  assert.equal(values.get('one'), '1')
  assert.equal(values.get('two'), '2')
  assert.equal(values.get('go_gc_cycles_total'), '1')
  assert.equal(values.get('go_gc_cycles_total{source="second"}'), '2')
})

test('OpenMetrics that is asked for ends once, keeps exemplars, and says so in its Content-Type', async t => {
  const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const seconds = new Histogram({
    name: 'request_seconds',
    help: 'Took.',
    buckets: [1],
    registers: [registry],
    enableExemplars: true,
  })
  seconds.observe({ labels: {}, value: 0.5, exemplarLabels: { trace_id: 'abc' } })
  new Counter({ name: 'requests_total', help: 'Came.', registers: [registry] }).inc(3)
  const plain = await application(t, says('# TYPE jobs_total counter\njobs_total 4\n'))
  const url = await application(t, async (_request, response) => {
    response.setHeader('content-type', 'text/plain').end(await registry.metrics())
  })
  const base = await endpoint(t, {
    sources: [
      { name: 'labelled wrongly', url },
      { name: 'plain', url: plain },
    ],
  })
  const asked = { accept: 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5' }
  const openMetrics = await scrape(`${base}/metrics`, asked)
  assert.equal(openMetrics.headers['content-type'], 'application/openmetrics-text; version=1.0.0; charset=utf-8')
  assertWellFormed(openMetrics.body, 'openmetrics')
  assert.match(openMetrics.body, /^# TYPE jobs counter$/m)
  assert.match(openMetrics.body, /^request_seconds_bucket\{le="1"\} 1 # \{trace_id="abc"\} 0\.5 [\d.]+$/m)
  const text = await scrape(`${base}/metrics`)
  assertWellFormed(text.body, 'text')
  assert.match(text.body, /^# TYPE requests_total counter$/m)
  assert.doesNotMatch(text.body, /trace_id/)
})

test('whatever a source does, the answer is 200 with the others, and its reason is told', async t => {
  const overdue: (() => void)[] = []
  const clock = {
    ...systemClock,
    after: (_delayMs: number, callback: () => void) => {
      overdue.push(callback)
      return () => {}
    },
  }
  const good = '# TYPE app_up gauge\napp_up 1\n'
  const refusing = createServer().listen(0, '127.0.0.1')
  await once(refusing, 'listening')
  const refusingPort = (refusing.address() as AddressInfo).port
  await new Promise(resolve => refusing.close(resolve))
  const gzipped = gzipSync('# TYPE bad gauge\nbad 1\n'.repeat(100))
  const expected: Record<string, { url: string; reason: string }> = {
    refusing: { url: `http://127.0.0.1:${refusingPort}/metrics`, reason: 'refused' },
    'hanging up': { url: await rawApplication(t, socket => socket.destroy()), reason: 'refused' },
    hanging: { url: await application(t, () => {}), reason: 'timeout' },
    dripping: {
      url: await application(t, (_request, response) => {
        response.write('# TYPE bad gauge\nbad 1\n')
      }),
      reason: 'timeout',
    },
    failing: { url: await application(t, says('bad 1\n', {}, 500)), reason: 'status' },
    'without metrics': { url: await application(t, says('Not found', {}, 404)), reason: 'status' },
    'behind a login': { url: await application(t, says('', { location: '/login' }, 302)), reason: 'status' },
    'web page': {
      url: await application(t, says('<!doctype html><title>bad</title>', { 'content-type': 'text/html' })),
      reason: 'not_metrics',
    },
    json: {
      url: await application(t, says('{"bad":1}', { 'content-type': 'application/json' })),
      reason: 'not_metrics',
    },
    'no HTTP': { url: await rawApplication(t, socket => socket.end('SSH-2.0-bad\r\n')), reason: 'not_metrics' },
    'not UTF-8': { url: await application(t, says(Buffer.from('bad{a="\xff"} 1\n', 'latin1'))), reason: 'not_metrics' },
    'not gzip': { url: await application(t, says('bad 1\n', { 'content-encoding': 'gzip' })), reason: 'not_metrics' },
    'unasked encoding': {
      url: await application(t, says('bad 1\n', { 'content-encoding': 'br' })),
      reason: 'not_metrics',
    },
    'cut line': { url: await application(t, says('# TYPE bad gauge\nbad 1\nbad{a="')), reason: 'truncated' },
    'cut OpenMetrics': {
      url: await application(t, says('# TYPE bad gauge\nbad 1\n', { 'content-type': 'application/openmetrics-text' })),
      reason: 'truncated',
    },
    'cut body': {
      url: await rawApplication(t, socket => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbad 1\n')),
      reason: 'truncated',
    },
    'cut chunks': {
      url: await rawApplication(t, socket =>
        socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nbad 1\n\r\n'),
      ),
      reason: 'truncated',
    },
    'cut gzip': {
      url: await application(t, says(gzipped.subarray(0, -4), { 'content-encoding': 'gzip' })),
      reason: 'truncated',
    },
    'cut number': {
      url: await rawApplication(t, socket => socket.end('HTTP/1.0 200 OK\r\n\r\nbad 12')),
      reason: 'truncated',
    },
    large: { url: await application(t, says('bad 1\n'.repeat(2000))), reason: 'too_large' },
    'gzip bomb': {
      url: await application(t, says(gzipSync(Buffer.alloc(1e6, 'bad 1\n')), { 'content-encoding': 'gzip' })),
      reason: 'too_large',
    },
    'many labels': {
      url: await application(t, says(`bad{${Array.from({ length: 70 }, (_, index) => `l${index}="1"`).join()}} 1\n`)),
      reason: 'too_large',
    },
  }
  const sources: ScrapeSource[] = [
    ...Object.entries(expected).map(([name, { url }]) => ({ name, url })),
    { name: 'good', url: await application(t, says(good)) },
    { name: 'good gzip', url: await application(t, says(gzipSync('gzipped 1\n'), { 'content-encoding': 'gzip' })) },
    { name: 'good and blank', url: await application(t, says('', {}, 204)) },
  ]
  const base = await endpoint(t, { sources, clock, limits: { bodyBytes: 10_000 } })

  const scraping = scrape(`${base}/metrics`)
  const slow = ['hanging', 'dripping']
  const undecided = (page: PageSource[]) =>
    page.filter(({ state, source }) => state === 'not asked yet' && !slow.includes(source))
  while (undecided(await sourcesPage(base)).length > 0);
  for (const cancel of overdue) cancel()
  const { status, body, values } = await scraping

  assert.equal(status, 200, body)
  assertWellFormed(body, 'text')
  const page = await sourcesPage(base)
  for (const [name, { reason }] of Object.entries(expected)) {
    const told = page.find(({ source }) => source === name)
    assert.deepEqual({ name, reason: told?.reason }, { name, reason }, told?.detail)
    assert.equal(values.get(`trimtab_scrape_source_up{source="${name}"}`), '0')
    assert.equal(values.get(`trimtab_scrape_source_failures_total{source="${name}",reason="${reason}"}`), '1')
    assert.ok(values.has(`trimtab_scrape_source_duration_seconds{source="${name}"}`))
  }
  assert.doesNotMatch(body, /^bad/m)
  assert.equal(values.get('proxy_up'), '1')
  assert.equal(values.get('app_up'), '1')
  assert.equal(values.get('gzipped'), '1')
  for (const name of ['proxy', 'good', 'good gzip', 'good and blank']) {
    assert.equal(values.get(`trimtab_scrape_source_up{source="${name}"}`), '1')
  }
  assert.equal(values.get('trimtab_scrape_source_samples{source="good"}'), '1')
  assert.equal(values.get('trimtab_scrape_source_samples{source="failing"}'), '0')
})

test('a source whose metrics come back is merged in again', async t => {
  let status = 503
  const url = await application(t, (request, response) => says('app_up 1\n', {}, status)(request, response))
  const base = await endpoint(t, { sources: [{ name: 'app', url }] })
  assert.equal((await scrape(`${base}/metrics`)).values.get('app_up'), undefined)
  status = 200
  const { values } = await scrape(`${base}/metrics`)
  assert.equal(values.get('app_up'), '1')
  assert.equal(values.get('trimtab_scrape_source_failures_total{source="app",reason="status"}'), '1')
})

test('a family whose type contradicts an earlier source is left out or prefixed, and counted in the very scrape', async t => {
  const url = await application(t, says('# TYPE proxy_up counter\nproxy_up 5\n'))
  const sources = [{ name: 'my-app', url }]
  const dropping = await endpoint(t, { sources })
  const dropped = await scrape(`${dropping}/metrics`)
  assert.equal(dropped.values.get('proxy_up'), '1')
  assert.equal(dropped.values.get('trimtab_scrape_source_conflicts_total{source="my-app"}'), '1')
  assert.match(
    (await sourcesPage(dropping)).find(({ source }) => source === 'my-app')!.conflicts[0]!,
    /left out: proxy has proxy_up/,
  )
  const prefixing = await endpoint(t, { sources, conflicts: 'prefix' })
  assert.equal((await scrape(`${prefixing}/metrics`)).values.get('my_app_proxy_up'), '5')
})

test('no source can take the names of the metrics about sources', async t => {
  const url = await application(
    t,
    says('# TYPE trimtab_scrape_source_up counter\ntrimtab_scrape_source_up{source="app"} 7\n'),
  )
  const base = await endpoint(t, { sources: [{ name: 'app', url }] })
  const { values, body } = await scrape(`${base}/metrics`)
  assert.equal(values.get('trimtab_scrape_source_up{source="app"}'), '1')
  assert.match(body, /^# TYPE trimtab_scrape_source_up gauge$/m)
})

test('an endpoint that is its own source says so instead of waiting for itself', async t => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const port = (taken.address() as AddressInfo).port
  await new Promise(resolve => taken.close(resolve))
  const sources = [{ name: 'itself', url: `http://127.0.0.1:${port}/metrics` }]
  const running = await createMergedMetrics({ own, sources }).listen({ host: '127.0.0.1', port })
  t.after(() => running.close())
  const { status, values } = await scrape(`http://127.0.0.1:${port}/metrics`)
  assert.equal(status, 200)
  assert.equal(values.get('proxy_up'), '1')
  assert.equal(values.get('trimtab_scrape_source_failures_total{source="itself",reason="self"}'), '1')
})

test('endpoints that merge one another end where the circle closes, whatever they are called', async t => {
  const late = createServer()
  late.listen(0, '127.0.0.1')
  await once(late, 'listening')
  const port = (late.address() as AddressInfo).port
  const first = await endpoint(t, {
    instance: 'a, b \u2603\n',
    sources: [{ name: 'second', url: `http://127.0.0.1:${port}/metrics` }],
  })
  await new Promise(resolve => late.close(resolve))
  const second = createMergedMetrics({
    own: () => 'second_up 1\n',
    sources: [{ name: 'first', url: `${first}/metrics` }],
    instance: 'second',
  })
  const running = await second.listen({ host: '127.0.0.1', port })
  t.after(() => running.close())
  const { status, values } = await scrape(`${first}/metrics`)
  assert.equal(status, 200)
  assert.equal(values.get('second_up'), '1')
  assert.equal(values.get('trimtab_scrape_source_failures_total{source="first",reason="self"}'), '1')
})

test('scrapers that ask at the same time share one asking of the sources, each in its own format', async t => {
  let asked = 0
  const url = await application(t, (request, response) => {
    asked++
    says('app_total 1\n')(request, response)
  })
  let ownAsked = 0
  const countingOwn = () => {
    ownAsked++
    return own()
  }
  const clock = { ...systemClock, now: () => 0 }
  const base = await endpoint(t, { sources: [{ name: 'app', url }], clock, own: countingOwn })
  // Pipelined in one write, so that all three are read before any source can have answered.
  const get = (accept: string, more = '') => `GET /metrics HTTP/1.1\r\nhost: a\r\naccept: ${accept}\r\n${more}\r\n`
  const socket = connect(Number(new URL(base).port), '127.0.0.1')
  socket.write(get('text/plain') + get('application/openmetrics-text') + get('*/*', 'connection: close\r\n'))
  let answers = ''
  for await (const chunk of socket) answers += chunk
  assert.equal(answers.match(/^HTTP\/1\.1 200 OK/gm)?.length, 3)
  assert.equal(answers.match(/^app_total 1$/gm)?.length, 3)
  assert.equal(answers.match(/^# EOF$/gm)?.length, 1)
  assert.deepEqual([asked, ownAsked], [1, 1])
})

test('name[] is passed on to the sources, and holds for those that do not know it', async t => {
  const targets: (string | undefined)[] = []
  const url = await application(t, (request, response) => {
    targets.push(request.url)
    says('# TYPE wanted histogram\nwanted_bucket{le="+Inf"} 1\nwanted_sum 1\nwanted_count 1\nother 1\n')(
      request,
      response,
    )
  })
  const base = await endpoint(t, { sources: [{ name: 'app', url: `${url}?always=1` }] })
  const { values } = await scrape(`${base}/metrics?name[]=wanted_count&name[]=proxy_up`)
  assert.deepEqual([...values.keys()].sort(), ['proxy_up', 'wanted_bucket{le="+Inf"}', 'wanted_count', 'wanted_sum'])
  const passed = new URL(targets[0]!, url).searchParams
  assert.deepEqual([passed.get('always'), passed.getAll('name[]')], ['1', ['wanted_count', 'proxy_up']])
})

test('a source is told how long it may take: half a second less than the scraper waits', async t => {
  const told: unknown[] = []
  const url = await application(t, (request, response) => {
    told.push(request.headers['x-prometheus-scrape-timeout-seconds'])
    says('app_up 1\n')(request, response)
  })
  const base = await endpoint(t, { sources: [{ name: 'app', url }] })
  await scrape(`${base}/metrics`, { 'x-prometheus-scrape-timeout-seconds': '10.000000' })
  await scrape(`${base}/metrics`)
  assert.deepEqual(told, ['9.500', '5.000'])
})

test('an own exposition that cannot be told or read does not keep the application from being scraped', async t => {
  const url = await application(t, says('app_up 1\n'))
  for (const broken of [() => 'no metrics here\n', () => Promise.reject(new Error('defect'))]) {
    const base = await endpoint(t, { own: broken, sources: [{ name: 'app', url }] })
    const { status, values } = await scrape(`${base}/metrics`)
    assert.equal(status, 200)
    assert.equal(values.get('app_up'), '1')
    assert.equal(values.get('trimtab_scrape_source_failures_total{source="proxy",reason="not_metrics"}'), '1')
  }
})

test('the own exposition may be a registry of prom-client', async t => {
  const registry = new Registry()
  new Gauge({ name: 'own_gauge', help: 'Own.', registers: [registry] }).set(Number.NaN)
  const base = await endpoint(t, { own: { registry } })
  assert.equal((await scrape(`${base}/metrics`)).values.get('own_gauge'), 'NaN')
})

test('a scraper that takes gzip gets gzip', async t => {
  const base = await endpoint(t, {})
  const response = await request(`${base}/metrics`, { headers: { 'accept-encoding': 'gzip' } })
  assert.equal(response.headers['content-encoding'], 'gzip')
  const bytes = Buffer.from(await response.body.arrayBuffer())
  assertWellFormed(gunzipSync(bytes).toString(), 'text')
})

test('what is no scrape is answered with what to do instead', async t => {
  const base = await endpoint(t, {})
  const missing = await scrape(`${base}/`)
  assert.equal(missing.status, 404)
  assert.match(missing.body, /\/metrics has the metrics/)
  const posted = await scrape(`${base}/metrics`, {}, 'POST')
  assert.equal(posted.status, 405)
  assert.equal(posted.headers['allow'], 'GET, HEAD')
  const head = await scrape(`${base}/metrics`, {}, 'HEAD')
  assert.equal(head.status, 200)
  assert.equal(head.body, '')
  assert.ok(Number(head.headers['content-length']) > 0)
  const filters = Array.from({ length: 300 }, (_, index) => `name[]=a${index}`).join('&')
  assert.equal((await scrape(`${base}/metrics?${filters}`)).status, 400)
})

test('/metrics/sources tells a person why something is missing, as a page, as text and as JSON', async t => {
  const url = await application(t, says('<i>', { 'content-type': 'text/html' }))
  const base = await endpoint(t, { sources: [{ name: '<app>', url }] })
  assert.match((await scrape(`${base}/metrics/sources`)).body, /not asked yet/)
  await scrape(`${base}/metrics`)
  const text = await scrape(`${base}/metrics/sources`)
  assert.match(text.body, /missing \(not_metrics\): answered with a web page/)
  const html = await scrape(`${base}/metrics/sources`, { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' })
  assert.equal(html.headers['content-type'], 'text/html; charset=utf-8')
  assert.match(html.body, /&lt;app&gt;/)
  const json = await sourcesPage(base)
  assert.deepEqual(
    json.map(({ source, state }) => [source, state]),
    [
      ['proxy', 'merged'],
      ['<app>', 'missing'],
    ],
  )
})

test('closing ends a scrape under way, though its source hangs', async t => {
  let asked = () => {}
  const hanging = new Promise<void>(resolve => {
    asked = resolve
  })
  const url = await application(t, () => asked())
  const running = await createMergedMetrics({ own, sources: [{ name: 'app', url }] }).listen({
    host: '127.0.0.1',
    port: 0,
  })
  const scraping = scrape(`http://127.0.0.1:${running.address.port}/metrics`)
  const ended = assert.rejects(scraping)
  await hanging
  await running.close()
  await ended
})

test('one megabyte of application metrics comes through whole', async t => {
  const lines = Array.from(
    { length: 15_000 },
    (_, index) => `big_gauge{index="${index}",path="/some/path/to/fill/it"} ${index}`,
  )
  const url = await application(t, says(`# TYPE big_gauge gauge\n${lines.join('\n')}\n`))
  const base = await endpoint(t, { sources: [{ name: 'app', url }] })
  const { body, values } = await scrape(`${base}/metrics`)
  assert.equal(values.get('trimtab_scrape_source_samples{source="app"}'), '15000')
  const read = parse(body, { format: 'text' })
  assert.ok(read.status === 'ok')
  assert.deepEqual(
    read.families.find(({ name }) => name === 'big_gauge')?.samples.map(({ value }) => value),
    lines.map((_, index) => index),
  )
})
