import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { RequestHead } from '../../../../proxy/http1/request-head.ts'
import { type StrictReading, strictReading } from './llhttp.ts'
import { request } from './messages.ts'
import { latin1, readRequests, type Transcript } from './reading.ts'
import { SMUGGLING } from './smuggling.ts'

/** llhttp knows methods by name; we do not, and ours is not the stage to judge them. */
const knownMethod = request.filter(({ method }) =>
  ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'].includes(method),
)

/** As we give fields out: names in lower case, a length without leading zeros. */
function asOurs(fields: readonly string[]): string[] {
  return fields.map((word, i) => {
    if (i % 2 === 0) return word.toLowerCase()
    return fields[i - 1]!.toLowerCase() === 'content-length' ? String(Number(word)) : word
  })
}

function assertSame(ours: Transcript<RequestHead>, theirs: StrictReading): void {
  assert.equal(theirs.refusal, null)
  assert.deepEqual(
    ours.messages.map(({ head, body }) => [head.method, head.target, head.fields, body]),
    theirs.requests.map(({ method, target, headers, body }) => [method, target, asOurs(headers), body]),
  )
}

describe('beside llhttp in its strict mode', () => {
  test('requests that we take are taken by it, as the same requests', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(knownMethod, { minLength: 1, maxLength: 3 }), async requests => {
        const bytes = latin1(requests.map(({ wire }) => wire).join(''))
        assertSame(readRequests([bytes]), await strictReading(bytes))
      }),
    )
  })

  test('whole requests that we take with a byte changed are taken by it, as the same requests', async () => {
    let taken = 0
    const byte = fc.constantFrom(...'\r\n\t\0 :;,=0159afgAZ"\\#?/\x0b\x7f\u00e9')
    await fc.assert(
      fc.asyncProperty(knownMethod, fc.nat(), byte, fc.boolean(), async ({ wire }, at, changed, inserts) => {
        const from = at % wire.length
        const bytes = latin1(wire.slice(0, from) + changed + wire.slice(inserts ? from : from + 1))
        const ours = readRequests([bytes])
        const isWhole = ours.fault === null && !ours.unfinishedHead && ours.messages.every(({ ended }) => ended)
        // A changed method is a method that llhttp does not know.
        if (!isWhole || from <= wire.indexOf(' ')) return
        // A tab behind a value is optional white space (RFC 9110, 5.6.3); llhttp trims it everywhere but behind `chunked`.
        if (/chunked *\t/i.test(bytes.toString('latin1'))) return
        taken++
        assertSame(ours, await strictReading(bytes))
      }),
      { numRuns: 600 },
    )
    assert.ok(taken > 50, `only ${taken} changed requests were taken: nothing was compared`)
  })
})

describe('request smuggling', () => {
  for (const [attack, wire] of SMUGGLING) {
    test(`${attack}: refused, and the second request is never seen`, () => {
      const bytes = latin1(wire)
      for (let at = 0; at <= bytes.length; at++) {
        const { messages, fault } = readRequests([bytes.subarray(0, at), bytes.subarray(at)])
        assert.equal(fault?.httpStatus, 400)
        assert.ok(!messages.some(({ head }) => head.target === '/smuggled'))
      }
    })
  }

  test('the corpus hides a second request in every attack', () => {
    for (const [attack, wire] of SMUGGLING) assert.ok(wire.includes('GET /smuggled'), attack)
  })
})
