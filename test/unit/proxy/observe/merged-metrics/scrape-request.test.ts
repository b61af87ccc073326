import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import { sourceDeadlineMs } from '../../../../../proxy/observe/merged-metrics/deadline.ts'
import { defaultMergedMetricsLimits } from '../../../../../proxy/observe/merged-metrics/limits.ts'
import { closesLoop, readChain } from '../../../../../proxy/observe/merged-metrics/loop-marker.ts'
import {
  acceptsGzip,
  readScrapeRequest,
  type ScrapeRequest,
} from '../../../../../proxy/observe/merged-metrics/scrape-request.ts'

const rules = { limits: defaultMergedMetricsLimits, instance: 'me' }

function read(url: string, headers: IncomingHttpHeaders = {}, method = 'GET'): ScrapeRequest {
  return readScrapeRequest({ method, url, headers }, rules)
}

function refusal(url: string, headers: IncomingHttpHeaders = {}, method = 'GET'): number | undefined {
  const request = read(url, headers, method)
  return request.kind === 'refused' ? request.status : undefined
}

test('the sources get half a second less than the scraper waits, five seconds when it does not say', () => {
  const cases: [string | undefined, number][] = [
    [undefined, 5000],
    ['10', 9500],
    ['10.000000', 9500],
    ['1', 500],
    ['0.4', 200],
    ['0', 5000],
    ['-3', 5000],
    ['soon', 5000],
    ['10, 10', 5000],
    ['1e9', 120_000],
    ['Infinity', 120_000],
  ]
  for (const [seconds, deadlineMs] of cases) assert.equal(sourceDeadlineMs(seconds, 120_000), deadlineMs, seconds)
})

test('a scrape carries its filters, its deadline, its format and its chain', () => {
  const headers = {
    accept: 'application/openmetrics-text',
    'accept-encoding': 'deflate, gzip;q=0.5',
    'x-prometheus-scrape-timeout-seconds': '3',
    'x-trimtab-scraped-by': 'one, two',
  }
  const request = read('/metrics?name[]=b&name[]=a&name%5B%5D=b&other=1', headers)
  assert.ok(request.kind === 'metrics')
  assert.deepEqual(request.gather, { deadlineMs: 2500, names: ['b', 'a'], chain: ['one', 'two', 'me'] })
  assert.equal(request.negotiated.format, 'openmetrics')
  assert.equal(request.gzip, true)
})

test('a blank Accept gets text with its full Content-Type', () => {
  const request = read('/metrics', { accept: '' })
  assert.ok(request.kind === 'metrics')
  assert.equal(request.negotiated.contentType, 'text/plain; version=0.0.4; charset=utf-8')
})

test('a scrape that this endpoint started itself is refused, as is a chain without end', () => {
  assert.equal(refusal('/metrics', { 'x-trimtab-scraped-by': 'one, me' }), 508)
  assert.equal(refusal('/metrics', { 'x-trimtab-scraped-by': 'a,b,c,d,e,f,g,h,i' }), 508)
  assert.equal(refusal('/metrics', { 'x-trimtab-scraped-by': 'one' }), undefined)
  assert.equal(readChain(','.repeat(10_000)).length, 0)
  assert.equal(closesLoop(readChain('x,'.repeat(10_000)), 'me'), true)
})

test('what is no scrape is refused with its own status', () => {
  assert.equal(refusal('/'), 404)
  assert.equal(refusal('/metrics/'), 404)
  assert.equal(refusal('http://'), 400)
  assert.equal(refusal('//[/metrics'), 400)
  assert.equal(refusal('/metrics', {}, 'POST'), 405)
  assert.equal(refusal('/metrics/sources', {}, 'DELETE'), 405)
  assert.equal(refusal('/metrics', { 'content-length': '5' }), 413)
  assert.equal(refusal('/metrics', { 'transfer-encoding': 'chunked' }), 413)
  assert.equal(refusal(`/metrics?${'name[]=a&'.repeat(257)}`), 400)
  assert.equal(refusal('/metrics', { 'content-length': '0' }, 'HEAD'), undefined)
})

test('the page about sources is HTML for a browser, JSON when named, else text', () => {
  const form = (accept: string | undefined) => {
    const request = read('/metrics/sources', accept === undefined ? {} : { accept })
    return request.kind === 'sources' ? request.form : undefined
  }
  assert.equal(form(undefined), 'text')
  assert.equal(form('*/*'), 'text')
  assert.equal(form('text/html,application/xml;q=0.9,*/*;q=0.8'), 'html')
  assert.equal(form('application/json'), 'json')
  assert.equal(form('application/json, text/html'), 'json')
})

test('gzip is taken when it is named or covered, and not when it is refused', () => {
  for (const header of ['gzip', 'GZIP', 'br, gzip;q=0.1', '*', 'x-gzip', 'gzip;q=1.0'])
    assert.ok(acceptsGzip(header), header)
  for (const header of [undefined, '', 'br', 'identity', 'gzip;q=0', '*;q=0', 'gzip;q=0.000, *', 'gzipped']) {
    assert.ok(!acceptsGzip(header), header)
  }
})
