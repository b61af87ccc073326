import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { readSpan, Span, writeSpan } from '../../protocol/span.ts'

const isSpan = Compile(Span)
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 300)

const good = {
  traceId: 'ABCDEF0123456789abcdef0123456789',
  parentId: '1',
  id: '00000000000000ff',
  kind: 'CLIENT',
  name: 'get',
  timestamp: 1,
  duration: '2',
  localEndpoint: { serviceName: 'a', ipv4: '1.2.3.4', port: 1 },
  annotations: [{ timestamp: 1, value: 'x' }],
  tags: { k: 'v', n: 1 },
  shared: true,
}

it('readSpan never throws, and what it takes fits the schema and survives being written and read', () => {
  const damage = fc.record({
    path: fc.array(fc.constantFrom(...Object.keys(good), 'serviceName', 'port', '0', 'value', 'timestamp'), {
      minLength: 1,
      maxLength: 3,
    }),
    value: fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary', maxLength: 40 }), fc.double()),
  })
  fc.assert(
    fc.property(fc.array(damage, { maxLength: 4 }), wounds => {
      const value = structuredClone(good) as Record<string, unknown>
      for (const { path, value: wound } of wounds) {
        let at: Record<string, unknown> = value
        for (const step of path.slice(0, -1)) {
          const next = at[step]
          if (typeof next !== 'object' || next === null) break
          at = next as Record<string, unknown>
        }
        at[path.at(-1)!] = wound
      }
      const read = readSpan(value)
      if (read.status === 'invalid') return assert.match(read.reason, /^\//)
      assert.ok(isSpan.Check(read.span))
      const written = writeSpan(read.span)
      assert.ok(written.isWellFormed() && !written.includes('\n'))
      const again = readSpan(JSON.parse(written))
      assert.ok(again.status === 'ok')
      assert.equal(writeSpan(again.span), written)
    }),
    { numRuns },
  )
})
