import assert from 'node:assert/strict'
import { it } from 'node:test'
import { linksOf } from '../../../../collector/query/links.ts'
import type { Span } from '../../../../protocol/span.ts'

const span = (id: string, serviceName: string, fields: Partial<Span> = {}): Span => ({
  traceId: '00000000000000aa',
  id,
  timestamp: 1000,
  localEndpoint: { serviceName },
  ...fields,
})
const links = (...spans: Span[]) =>
  linksOf([spans], 0, 2000).map(
    ({ parent, child, callCount, errorCount }) => `${parent}>${child} ${callCount}/${errorCount}`,
  )

it('a span whose parent belongs to another service is a call; one within a service is none', () => {
  assert.deepEqual(
    links(
      span('1', 'gateway'),
      span('2', 'gateway', { parentId: '1' }),
      span('3', 'report', { parentId: '2', tags: { error: 'boom' } }),
    ),
    ['gateway>report 1/1'],
  )
})

it('a call whose two sides share a span is one call: what lies below it lies below its server half', () => {
  assert.deepEqual(
    links(
      span('1', 'gateway'),
      span('2', 'gateway', { kind: 'CLIENT', parentId: '1' }),
      span('2', 'report', { kind: 'SERVER', parentId: '1', shared: true }),
      span('3', 'report', { parentId: '2' }),
    ),
    ['gateway>report 1/0'],
  )
})

it('a call to a side that sends no spans is known by its caller alone', () => {
  assert.deepEqual(links(span('1', 'expense', { kind: 'CLIENT', remoteEndpoint: { serviceName: 'sqlite' } })), [
    'expense>sqlite 1/0',
  ])
})

it('a call that its other side goes on with is not counted by the caller as well', () => {
  assert.deepEqual(
    links(
      span('1', 'gateway', { kind: 'CLIENT', remoteEndpoint: { serviceName: 'report' } }),
      span('2', 'report', { kind: 'SERVER', parentId: '1' }),
    ),
    ['gateway>report 1/0'],
  )
})

it('a server half whose client half is missing is still a call from its parent', () => {
  assert.deepEqual(links(span('1', 'gateway'), span('2', 'report', { parentId: '1', shared: true })), [
    'gateway>report 1/0',
  ])
})

it('spans outside the time that was asked for are left out', () => {
  assert.deepEqual(links(span('1', 'gateway'), span('2', 'report', { parentId: '1', timestamp: 3000 })), [])
})
