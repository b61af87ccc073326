import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { request } from 'undici'
import { parse } from '../../protocol/prometheus/parse.ts'
import { assertWellFormed } from '../unit/protocol/prometheus/exposition-rules.ts'
import { application, endpoint, says, scrape, sourcesPage } from './merged-metrics-harness.ts'

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
