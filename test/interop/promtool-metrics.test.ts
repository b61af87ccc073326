import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { Counter, collectDefaultMetrics, Histogram, Registry, Summary } from 'prom-client'
import { request } from 'undici'
import { encode } from '../../protocol/prometheus/encode.ts'
import type { Family } from '../../protocol/prometheus/family.ts'
import { createMergedMetrics } from '../../proxy/observe/merged-metrics/merged-metrics.ts'
import { clashingFamilies, openMetricsFamilies, textFamilies } from '../unit/protocol/prometheus/arbitrary-families.ts'
import { merged } from '../unit/protocol/prometheus/merged.ts'

const promtool = process.env['TRIMTAB_PROMTOOL'] ?? onPath('promtool')
const skip = promtool === undefined ? 'promtool is neither on PATH nor named by TRIMTAB_PROMTOOL' : false

function onPath(program: string): string | undefined {
  const places = (process.env['PATH'] ?? '').split(delimiter).map(folder => join(folder, program))
  return places.find(place => {
    try {
      accessSync(place, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Its exit status: 0 nothing to say, 3 advice about names and help, 1 a fault of syntax. */
function checkMetrics(text: string): void {
  const { status, stderr, stdout, error } = spawnSync(promtool!, ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  })
  assert.ifError(error)
  assert.ok(status === 0 || status === 3, `${status}: ${stderr}${stdout}\n${text.slice(0, 2000)}`)
  assert.doesNotMatch(stderr, /error while linting/)
}

/** Lets Prometheus's own OpenMetrics parser read a file; it wants a time on every sample. */
function checkOpenMetrics(families: readonly Family[]): void {
  const timed = families.map(family => ({
    ...family,
    samples: family.samples.map(sample => ({ ...sample, timestampMs: 1_700_000_000_000 })),
  }))
  const folder = mkdtempSync(join(tmpdir(), 'promtool-'))
  try {
    const file = join(folder, 'metrics.om')
    writeFileSync(file, encode(timed, 'openmetrics'))
    const args = ['tsdb', 'create-blocks-from', 'openmetrics', file, join(folder, 'data')]
    const { status, stderr, error } = spawnSync(promtool!, args, { encoding: 'utf8' })
    assert.ifError(error)
    assert.equal(status, 0, `${stderr}\n${encode(timed, 'openmetrics').slice(0, 2000)}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const source = fc.oneof(textFamilies, openMetricsFamilies, clashingFamilies)
const runs = { numRuns: 30, seed: 20_200 }

test('promtool finds no fault of syntax in the text of any merge', { skip }, () => {
  fc.assert(
    fc.property(source, source, source, fc.constantFrom('drop', 'prefix'), (one, two, three, conflicts) => {
      checkMetrics(encode(merged({ one, two, three }, { conflicts }).families, 'text'))
    }),
    runs,
  )
})

test('the OpenMetrics parser of Prometheus reads any merge', { skip }, () => {
  const always: Family = {
    name: 'always',
    type: 'gauge',
    help: undefined,
    unit: undefined,
    samples: [{ suffix: '', labels: [], value: 1, timestampMs: undefined, exemplar: undefined }],
  }
  fc.assert(
    fc.property(source, source, source, (one, two, three) => {
      checkOpenMetrics(merged({ one: [always, ...one], two, three }, { conflicts: 'prefix' }).families)
    }),
    { ...runs, numRuns: 15 },
  )
})

test('promtool finds no fault of syntax in what the endpoint serves of two prom-client applications', {
  skip,
}, async t => {
  const registries = [new Registry(), new Registry()] as const
  for (const register of registries) {
    collectDefaultMetrics({ register })
    new Counter({ name: 'jobs', help: 'No "_total" here.', registers: [register] }).inc()
    new Summary({ name: 'took', help: 'Took.', registers: [register] }).observe(1)
    new Histogram({ name: 'seconds', help: 'Took.', labelNames: ['path'], registers: [register] }).observe(
      { path: '"\n\\' },
      1,
    )
  }
  const inner = await createMergedMetrics({ own: { registry: registries[1] }, sources: [] }).listen({
    host: '127.0.0.1',
    port: 0,
  })
  t.after(() => inner.close())
  const url = `http://127.0.0.1:${inner.address.port}/metrics`
  const outer = await createMergedMetrics({ own: { registry: registries[0] }, sources: [{ name: 'app', url }] }).listen(
    {
      host: '127.0.0.1',
      port: 0,
    },
  )
  t.after(() => outer.close())
  const response = await request(`http://127.0.0.1:${outer.address.port}/metrics`)
  const text = await response.body.text()
  assert.match(text, /^process_cpu_seconds_total\{source="app"\} /m)
  checkMetrics(text)
})
