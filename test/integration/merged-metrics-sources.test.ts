import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createMergedMetrics } from '../../proxy/observe/merged-metrics/merged-metrics.ts'
import type { ScrapeSource } from '../../proxy/observe/merged-metrics/source.ts'
import { systemClock } from '../../runtime/clock.ts'
import { assertWellFormed } from '../unit/protocol/prometheus/exposition-rules.ts'
import {
  application,
  endpoint,
  own,
  type PageSource,
  rawApplication,
  says,
  scrape,
  sourcesPage,
} from './merged-metrics-harness.ts'

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
