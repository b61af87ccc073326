import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Family } from '../../../../../protocol/prometheus/family.ts'
import { createMergedMetrics } from '../../../../../proxy/observe/merged-metrics/merged-metrics.ts'
import { filterByName } from '../../../../../proxy/observe/merged-metrics/name-filter.ts'
import { SourceReports } from '../../../../../proxy/observe/merged-metrics/source-reports.ts'
import { renderSources } from '../../../../../proxy/observe/merged-metrics/sources-page.ts'

const create = (...sources: { name: string; url: string }[]) => createMergedMetrics({ own: () => '', sources })

test('settings that contradict themselves are refused with what to do', () => {
  const url = 'http://127.0.0.1:9464/metrics'
  assert.throws(
    () => create({ name: 'app', url }, { name: 'app', url }),
    /"app" is named twice: give each its own name/,
  )
  assert.throws(() => create({ name: '', url }), /has no name/)
  assert.throws(() => create({ name: 'proxy', url }), /"proxy" is named twice/)
  assert.throws(
    () => create({ name: 'app', url: 'localhost:9464' }),
    /expected one like http:\/\/127\.0\.0\.1:9464\/metrics/,
  )
  assert.throws(() => create({ name: 'app', url: 'http://user:secret@host/metrics' }), /user or password in its URL/)
})

test('name[] finds a family by its name in either format or by any of its series, and keeps it whole', () => {
  const family = (name: string, type: Family['type']): Family => ({
    name,
    type,
    help: undefined,
    unit: undefined,
    samples: [],
  })
  const families = [family('jobs_total', 'counter'), family('seconds', 'histogram'), family('build_info', 'info')]
  const found = (...names: string[]) => filterByName(families, names).map(({ name }) => name)
  assert.deepEqual(found('jobs'), ['jobs_total'])
  assert.deepEqual(found('jobs_total', 'build'), ['jobs_total', 'build_info'])
  assert.deepEqual(found('seconds_bucket'), ['seconds'])
  assert.deepEqual(found('seconds_created'), ['seconds'])
  assert.deepEqual(found('nothing'), [])
  assert.deepEqual(found(), ['jobs_total', 'seconds', 'build_info'])
})

test('the page tells conflicts, duplicates and lost exemplars, the first of many', () => {
  const reports = new SourceReports([{ name: 'app', url: 'http://127.0.0.1:9464/metrics' }])
  const outcome = { status: 'ok', format: 'text', families: [], sampleCount: 7, exemplarsDropped: 2 } as const
  reports.scraped({ source: 'app', durationMs: 12, outcome: { ...outcome, families: [] } }, 1000)
  const conflict = {
    family: 'a',
    type: 'gauge',
    heldBy: { source: 'proxy', family: 'a', type: 'counter' },
    renamedTo: 'app_a',
  } as const
  reports.merged('app', { conflicts: Array.from({ length: 25 }, () => conflict), duplicates: 3 })
  const text = renderSources(reports.all(), 'text', 3500)
  assert.match(text, /^app {2}http:\/\/127\.0\.0\.1:9464\/metrics$/m)
  assert.match(text, /merged: 7 samples in 0 families, read as text/)
  assert.match(text, /25 families in conflict: a \(gauge\) renamed app_a: proxy has a \(counter\);/)
  assert.match(text, /and 5 more/)
  assert.match(text, /3 samples left out/)
  assert.match(text, /2 exemplars left out/)
  assert.match(text, /asked 2\.5 s ago, took 12 ms/)
  reports.scraped(
    { source: 'app', durationMs: 1, outcome: { status: 'failed', reason: 'refused', detail: 'why' } },
    4000,
  )
  assert.equal(
    renderSources(reports.all(), 'text', 4000),
    'app  http://127.0.0.1:9464/metrics\n  missing (refused): why\n  asked 0.0 s ago, took 1 ms\n',
  )
})
