import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { boundedProcessor, countingExporter } from '../../../../demo/app/span-export.ts'

const twoSpans = [{}, {}] as ReadableSpan[]

function heldExporter() {
  const held: ((result: ExportResult) => void)[] = []
  const exporter: SpanExporter = { export: (_spans, done) => void held.push(done), shutdown: async () => undefined }
  return { exporter, held }
}

test('a batch counts once, by how it ended', () => {
  const counted: string[] = []
  const { exporter, held } = heldExporter()
  const counting = countingExporter(exporter, (result, count) => counted.push(`${result} ${count}`), 1_000)
  counting.export(twoSpans, () => undefined)
  counting.export(twoSpans, () => undefined)
  held[0]?.({ code: ExportResultCode.SUCCESS })
  held[1]?.({ code: ExportResultCode.FAILED, error: new Error('503') })
  assert.deepEqual(counted, ['exported 2', 'failed 2'])
})

test('a receiver that stays silent fails the batch at the deadline, and a late answer counts no second time', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const counted: string[] = []
  const results: ExportResult[] = []
  const { exporter, held } = heldExporter()
  countingExporter(exporter, (result, count) => counted.push(`${result} ${count}`), 1_000).export(twoSpans, result =>
    results.push(result),
  )
  t.mock.timers.tick(999)
  assert.deepEqual(counted, [])
  t.mock.timers.tick(1)
  held[0]?.({ code: ExportResultCode.SUCCESS })
  assert.deepEqual(counted, ['failed 2'])
  assert.equal(results.length, 1)
  assert.match(results[0]?.error?.message ?? '', /no answer within 1000 ms/)
})

test('spans above the bound are dropped and counted until others have left', () => {
  const kept: ReadableSpan[] = []
  const inner = { onStart() {}, onEnd: (span: ReadableSpan) => void kept.push(span) } as unknown as SpanProcessor
  let drops = 0
  const { processor, release } = boundedProcessor(inner, 2, () => {
    drops += 1
  })
  for (let n = 0; n < 3; n += 1) processor.onEnd({} as ReadableSpan)
  assert.deepEqual([kept.length, drops], [2, 1])
  release(2)
  processor.onEnd({} as ReadableSpan)
  assert.deepEqual([kept.length, drops], [3, 1])
})
