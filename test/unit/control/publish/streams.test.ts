import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { type Scope, sectionBook } from '../../../../control/publish/section-book.ts'
import { snapshotStreams } from '../../../../control/publish/streams.ts'
import { manualClock } from '../manual-clock.ts'

/** A response whose reader can be stopped. */
class FakeResponse extends EventEmitter {
  lines: string[] = []
  full = false
  writableEnded = false
  destroyed = false
  write(line: Buffer | string) {
    this.lines.push(line.toString().trimEnd())
    return !this.full
  }
  end() {
    this.writableEnded = true
    this.emit('close')
  }
  destroy() {
    this.destroyed = true
    this.emit('close')
  }
}

function arrange() {
  const clock = manualClock()
  const book = sectionBook()
  const ends: string[] = []
  const streams = snapshotStreams(
    book,
    { heartbeatMs: 1000, slowReaderMs: 10_000 },
    { clock, onStreamEnd: why => ends.push(why) },
  )
  let epoch = 0
  const set = (value: number) => streams.publish(book.change(new Map([['a', value]]), () => ++epoch))
  const scopes = new Map<string, Scope>([['one', new Map([['x', 'a']])]])
  book.change(new Map([['a', 0]]), () => ++epoch, scopes)
  const open = (instance: string, onEnd = () => {}) => {
    const response = new FakeResponse()
    streams.open({ instance, scope: 'one', hello: 'hello\n', response: response as unknown as ServerResponse, onEnd })
    return response
  }
  const dropScope = () => streams.publish(book.change(new Map(), () => ++epoch, new Map()))
  return { clock, streams, set, open, ends, dropScope }
}

test('a stream begins with the greeting and all sections, and hears of changes only', () => {
  const { open, set } = arrange()
  const response = open('i1')
  set(5)
  assert.deepEqual(response.lines, [
    'hello',
    '{"epoch":1,"sections":{"x":{"version":1,"value":0}}}',
    '{"epoch":2,"sections":{"x":{"version":2,"value":5}}}',
  ])
})

test('every stream hears something once a second', () => {
  const { open, clock } = arrange()
  const responses = Array.from({ length: 25 }, (_, at) => open(`i${at}`))
  clock.advance(1000)
  for (const { lines } of responses) assert.equal(lines.at(-1), '{"epoch":1}')
  assert.deepEqual([...new Set(responses.map(({ lines }) => lines.length))], [3])
})

test('a slow reader gets the newest state when it has caught up, and nothing in between', () => {
  const { open, set, clock } = arrange()
  const response = open('i1')
  response.full = true
  set(1)
  set(2)
  set(3)
  clock.advance(2000)
  assert.equal(response.lines.length, 3)

  response.full = false
  response.emit('drain')

  assert.deepEqual(response.lines.slice(3), ['{"epoch":4,"sections":{"x":{"version":4,"value":3}}}'])
})

test('a reader that takes nothing for too long is cut', () => {
  const { open, set, clock, ends } = arrange()
  const response = open('i1')
  response.full = true
  set(1)
  clock.advance(9000)
  assert.equal(response.destroyed, false)
  clock.advance(2000)
  assert.equal(response.destroyed, true)
  assert.deepEqual(ends, ['slow-reader'])
})

test('of two streams of one instance the newer one stays', () => {
  const { open, set, streams, ends } = arrange()
  const endings: string[] = []
  const older = open('i1', () => endings.push('older'))
  const newer = open('i1', () => endings.push('newer'))
  set(7)
  assert.equal(older.writableEnded, true)
  assert.match(newer.lines.at(-1)!, /"value":7/)
  assert.deepEqual([endings, ends, streams.size], [['older'], ['replaced'], 1])
})

test('a stream whose service left the mesh is ended', () => {
  const { open, dropScope, ends } = arrange()
  const response = open('i1')
  dropScope()
  assert.equal(response.writableEnded, true)
  assert.deepEqual(ends, ['scope-gone'])
})

test('a stream ends once, however many signs of it there are', () => {
  const { open, ends } = arrange()
  let endings = 0
  const response = open('i1', () => endings++)
  response.emit('error', new Error('reset'))
  response.emit('close')
  assert.deepEqual([endings, ends], [1, ['left']])
})
