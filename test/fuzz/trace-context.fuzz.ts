import { test } from 'node:test'
import fc from 'fast-check'
import { takeTraceHeaders } from '../../protocol/trace-context/headers.ts'

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 300)
const name = fc.constantFrom(
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'traceparent',
  'tracestate',
)
const nearly = fc.stringMatching(/^[0-9a-fA-F-]{0,80}$/)

test('trace headers of any content never throw, and give ids only in their one form', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, fc.oneof(fc.string(), nearly, fc.string({ unit: 'binary' }))), { maxLength: 12 }),
      pairs => {
        const { context } = takeTraceHeaders(pairs.flat())
        return (
          context === undefined ||
          (/^([0-9a-f]{16}){1,2}$/.test(context.traceId) &&
            /^[0-9a-f]{16}$/.test(context.spanId) &&
            /^([0-9a-f]{16})?$/.test(context.parentSpanId))
        )
      },
    ),
    { numRuns },
  )
})
