import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { detectFormat, looksLikeHtml } from '../../../../protocol/prometheus/format.ts'
import { negotiate } from '../../../../protocol/prometheus/negotiate.ts'

const text = 'text/plain; version=0.0.4; charset=utf-8'
const openMetrics = (version: string) => `application/openmetrics-text; version=${version}; charset=utf-8`

test('the answer is in the format with the highest quality that we write', () => {
  const cases: [string | undefined, string][] = [
    [undefined, text],
    ['', text],
    ['*/*', text],
    ['text/*', text],
    ['text/plain', text],
    ['text/plain;version=0.0.4;q=0.5,*/*;q=0.1', text],
    ['application/*', openMetrics('1.0.0')],
    ['application/openmetrics-text', openMetrics('1.0.0')],
    ['application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1', openMetrics('0.0.1')],
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75',
      openMetrics('1.0.0'),
    ],
    ['application/openmetrics-text;version=1.0.0;q=0.3,text/plain;q=0.4', text],
    ['application/openmetrics-text;version="1.0.0"; charset=utf-8', openMetrics('1.0.0')],
    ['APPLICATION/OPENMETRICS-TEXT;VERSION=1.0.0', openMetrics('1.0.0')],
    ['application/openmetrics-text;version=2.0.0,text/plain;q=0.1', text],
    ['application/openmetrics-text;q=0,*/*', text],
    ['text/plain;q=0,*/*', openMetrics('1.0.0')],
    ['application/openmetrics-text;version=0.0.1;q=0.8,text/plain;version=0.0.4;q=0.8', openMetrics('0.0.1')],
    ['text/plain;version=0.0.4;q=0.8,application/openmetrics-text;version=0.0.1;q=0.8', text],
    // Prometheus 3, which would like protobuf and UTF-8 names first.
    [
      'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
      openMetrics('1.0.0'),
    ],
    // A browser, and what we do not write.
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', text],
    ['application/json', text],
    ['text/plain;q=nonsense', text],
  ]
  for (const [accept, contentType] of cases) assert.equal(negotiate(accept).contentType, contentType, accept)
})

test('the format named is the one in the Content-Type, whatever the header', () => {
  const part = fc.constantFrom(
    'text/plain',
    'application/openmetrics-text',
    '*/*',
    ';',
    ',',
    'q=0.5',
    'q=',
    'version=1.0.0',
    '"',
    '=',
  )
  const header = fc.oneof(
    fc.string(),
    fc.array(part).map(parts => parts.join('')),
  )
  fc.assert(
    fc.property(header, accept => {
      const { format, contentType } = negotiate(accept)
      assert.equal(contentType.startsWith('application/openmetrics-text'), format === 'openmetrics')
    }),
    { seed: 20_200 },
  )
})

test('a body says its format itself, and a header only promises', () => {
  assert.equal(detectFormat('text/plain; version=0.0.4', 'a 1\n'), 'text')
  assert.equal(detectFormat(undefined, 'a 1\n'), 'text')
  assert.equal(detectFormat('', ''), 'text')
  assert.equal(detectFormat('application/openmetrics-text; version=1.0.0', 'a 1\n'), 'openmetrics')
  for (const header of ['text/plain', undefined, '', 'application/json']) {
    assert.equal(detectFormat(header, 'a 1\n# EOF\n'), 'openmetrics')
    assert.equal(detectFormat(header, '# EOF'), 'openmetrics')
  }
  assert.equal(detectFormat('text/plain', 'a 1\n# EOF\nb 1\n'), 'text', 'a comment in the middle of text')
  assert.equal(detectFormat('text/plain', 'a{b="# EOF'), 'text')
})

test('a web page is known by its first character', () => {
  assert.equal(looksLikeHtml('\n <!doctype html>'), true)
  assert.equal(looksLikeHtml('# <html>\na 1\n'), false)
})
