import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Scope, sectionBook } from '../../../../control/publish/section-book.ts'
import type { SnapshotLine } from '../../../../protocol/snapshot.ts'

const keys = ['a', 'b', 'c', 'd']
const scopeNames = ['one', 'two']

interface Reader {
  scope: string
  since: number
  state: Map<string, unknown>
}

/** What a proxy does with a line. */
function apply(reader: Reader, line: Buffer): void {
  const { epoch, sections } = JSON.parse(line.toString()) as SnapshotLine
  assert.ok(epoch > reader.since || reader.since === 0, 'an epoch never falls')
  for (const [name, section] of Object.entries(sections ?? {}))
    if (section === null) reader.state.delete(name)
    else reader.state.set(name, section.value)
}

const change = fc.record({
  values: fc.dictionary(fc.constantFrom(...keys), fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined })),
  scopes: fc.option(fc.record({ one: fc.subarray(keys), two: fc.subarray(keys) }), { nil: undefined, freq: 3 }),
  /** Which readers catch up after this change; the others lag. */
  reads: fc.subarray([0, 1, 2, 3]),
})

test('lines applied in order give the full state in force, wherever a reader was', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 30 }), changes => {
      const book = sectionBook()
      const values = new Map<string, unknown>()
      let scopes = new Map<string, Scope>(scopeNames.map(scope => [scope, new Map()]))
      let epoch = 0
      const readers: Reader[] = [0, 1, 2, 3].map(at => ({ scope: scopeNames[at % 2]!, since: 0, state: new Map() }))
      book.change(new Map(), () => ++epoch, scopes)
      const readAll = (chosen: readonly number[]) => {
        for (const at of chosen) {
          const reader = readers[at]!
          const line = book.lineSince(reader.scope, reader.since)
          if (line) apply(reader, line)
          if (line) reader.since = book.epoch
        }
      }
      for (const step of changes) {
        for (const [key, value] of Object.entries(step.values))
          if (value === undefined) values.delete(key)
          else values.set(key, value)
        if (step.scopes)
          scopes = new Map(
            Object.entries(step.scopes).map(([scope, chosen]) => [
              scope,
              new Map(chosen.map(key => [`name-${key}`, key])),
            ]),
          )
        book.change(new Map(Object.entries(step.values)), () => ++epoch, step.scopes && scopes)
        readAll(step.reads)
      }
      readAll([0, 1, 2, 3])
      for (const reader of readers) {
        const expected = [...scopes.get(reader.scope)!].filter(([, key]) => values.has(key))
        assert.deepEqual(
          new Map([...reader.state].sort()),
          new Map(expected.map(([name, key]): [string, unknown] => [name, values.get(key)]).sort()),
        )
      }
    }),
    { numRuns: 500 },
  )
})

test('a change that changes nothing takes no epoch and says nothing', () => {
  const book = sectionBook()
  let epoch = 0
  const scopes = new Map([['one', new Map([['x', 'a']])]])
  book.change(new Map([['a', { weight: 1 }]]), () => ++epoch, scopes)

  const touched = book.change(new Map([['a', { weight: 1 }]]), () => ++epoch, scopes)

  assert.equal(epoch, 1)
  assert.deepEqual([...touched], [])
  assert.equal(book.lineSince('one', 1), undefined)
})

test('only the scopes that see a section hear of its change, all in the same bytes', () => {
  const book = sectionBook()
  let epoch = 0
  const scopes = new Map([
    ['one', new Map([['x', 'a']])],
    ['two', new Map([['y', 'b']])],
  ])
  book.change(
    new Map([
      ['a', 1],
      ['b', 1],
    ]),
    () => ++epoch,
    scopes,
  )

  const touched = book.change(new Map([['a', 2]]), () => ++epoch)

  assert.deepEqual([...touched], ['one'])
  assert.equal(book.lineSince('two', 1), undefined)
  assert.equal(book.lineSince('one', 1), book.lineSince('one', 1), 'built once')
  assert.equal(book.lineSince('one', 1)!.toString(), '{"epoch":2,"sections":{"x":{"version":2,"value":2}}}\n')
})

test('a service that left the mesh takes its scope along', () => {
  const book = sectionBook()
  let epoch = 0
  book.change(new Map([['a', 1]]), () => ++epoch, new Map([['one', new Map([['x', 'a']])]]))

  const touched = book.change(new Map([['a', undefined]]), () => ++epoch, new Map())

  assert.deepEqual([...touched], ['one'])
  assert.equal(book.hasScope('one'), false)
})

test('a reissue tells everything anew at the higher epoch', () => {
  const book = sectionBook()
  let epoch = 0
  book.change(new Map([['a', 1]]), () => ++epoch, new Map([['one', new Map([['x', 'a']])]]))

  book.reissue(900)

  assert.equal(book.lineSince('one', 1)!.toString(), '{"epoch":900,"sections":{"x":{"version":900,"value":1}}}\n')
})
