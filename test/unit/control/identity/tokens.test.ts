import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { tokenBook } from '../../../../control/identity/token-book.ts'
import { readAuthorization, SAME_KEY_GRACE_MS, writePersonToken } from '../../../../control/identity/tokens.ts'
import type { KeptToken } from '../../../../control/state/identity-store.ts'
import { readJoinToken, serviceOfSpiffeId, spiffeIdOf, writeJoinToken } from '../../../../protocol/identity.ts'
import { manualClock } from '../../../support/manual-clock.ts'

function arrange(kept: KeptToken[] = []) {
  const disk = new Map(kept.map(token => [token.id, token]))
  const store = {
    tokens: () => [...disk.values()],
    putToken: (token: KeptToken) => void disk.set(token.id, token),
    dropToken: (id: string) => void disk.delete(id),
  }
  const clock = manualClock()
  return { book: tokenBook(store, clock, randomBytes), again: () => tokenBook(store, clock, randomBytes), disk, clock }
}

function join(book: ReturnType<typeof tokenBook>, changes: Partial<Parameters<typeof book.create>[0]> = {}) {
  const created = book.create({ kind: 'join', name: 'test', expiresInMs: 3_600_000, madeBy: 'test', ...changes })
  assert.ok(created.status === 'created')
  return { id: created.token.id, secret: created.secret, shape: 'join' as const }
}

const verdict = (found: ReturnType<ReturnType<typeof tokenBook>['join']>) =>
  found.status === 'taken' ? 'taken' : found.why

test('a one-time token is bound to the first key that it is used for, for a short grace', () => {
  const { book, clock } = arrange()
  const token = join(book)
  assert.equal(verdict(book.join(token, 'report', 'key-a')), 'taken')
  assert.equal(verdict(book.join(token, 'report', 'key-b')), 'used-token')
  clock.advance(SAME_KEY_GRACE_MS)
  assert.equal(verdict(book.join(token, 'report', 'key-a')), 'taken')
  clock.advance(1)
  assert.equal(verdict(book.join(token, 'report', 'key-a')), 'used-token')
})

test('the use of a token is not forgotten by a restart', () => {
  const { book, again, clock } = arrange()
  const token = join(book)
  book.join(token, 'report', 'key-a')
  clock.advance(SAME_KEY_GRACE_MS + 1)
  assert.equal(verdict(again().join(token, 'report', 'key-a')), 'used-token')
})

test('a use that cannot be written down lets nobody in', () => {
  const { book, disk } = arrange()
  const token = join(book)
  const set = disk.set.bind(disk)
  disk.set = () => {
    throw new Error('disk full')
  }
  assert.throws(() => book.join(token, 'report', 'key-a'), /disk full/)
  disk.set = set
  assert.equal(verdict(book.join(token, 'report', 'key-b')), 'taken')
})

test('a token whose service is another’s is refused and not spent', () => {
  const { book } = arrange()
  const token = join(book, { services: ['expense'] })
  assert.equal(verdict(book.join(token, 'report', 'key-a')), 'foreign-token')
  assert.equal(verdict(book.join(token, 'expense', 'key-a')), 'taken')
})

test('a token is good until the moment of its end, and one without an end for ever', () => {
  const { book, clock } = arrange()
  const [hour, ever] = [join(book, { reusable: true }), join(book, { reusable: true, expiresInMs: null })]
  clock.advance(3_599_999)
  assert.equal(verdict(book.know(hour)), 'taken')
  clock.advance(1)
  assert.equal(verdict(book.know(hour)), 'expired-token')
  clock.advance(365 * 86_400_000)
  assert.equal(verdict(book.know(ever)), 'taken')
})

test('tokens that are long over make room for new ones', () => {
  const { book, disk, clock } = arrange()
  join(book)
  clock.advance(8 * 86_400_000)
  const fresh = join(book)
  assert.deepEqual([...disk.keys()], [fresh.id])
})

test('a wrong secret, a join token without its pin, and a person’s token with one are refused', () => {
  const { book } = arrange()
  const token = join(book)
  assert.equal(verdict(book.know({ ...token, secret: 'x'.repeat(43) })), 'unknown-token')
  assert.equal(verdict(book.know({ ...token, shape: 'person' })), 'wrong-kind')
  const admin = join(book, { kind: 'admin' })
  assert.equal(verdict(book.know(admin)), 'wrong-kind')
  assert.equal(verdict(book.join({ ...admin, shape: 'person' }, 'report', 'k')), 'wrong-kind')
})

test('no secret is on disk', () => {
  const { book, disk } = arrange()
  const { secret } = join(book)
  assert.ok(!JSON.stringify([...disk.values()]).includes(secret))
})

const part = (min: number, max: number) => fc.stringMatching(new RegExp(`^[A-Za-z0-9_-]{${min},${max}}$`))

test('every token that is written is read as the same; nothing else is read as one', () => {
  fc.assert(
    fc.property(part(8, 32), part(43, 43), part(43, 43), (id, secret, pin) => {
      assert.deepEqual(readAuthorization(`Bearer ${writeJoinToken({ id, secret, pin })}`), {
        id,
        secret,
        shape: 'join',
      })
      assert.deepEqual(readAuthorization(`bearer  ${writePersonToken(id, secret)} `), { id, secret, shape: 'person' })
      assert.deepEqual(readJoinToken(` ${id}.${secret}.${pin}\n`), { id, secret, pin })
    }),
  )
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), text => {
      const read = readAuthorization(text)
      assert.ok(read === 'malformed' || (read !== undefined && text.includes(read.secret)))
    }),
  )
  for (const header of [
    'Basic YTpi',
    'Bearer',
    'Bearer a.b',
    `Bearer ${'a'.repeat(9)}.${'b'.repeat(43)}.c`,
    'x'.repeat(10_000),
  ])
    assert.equal(readAuthorization(header), 'malformed', header.slice(0, 40))
  assert.equal(readAuthorization(undefined), undefined)
})

test('a SPIFFE id is read back as what it was made of, and nothing near it is', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9._-]{1,40}$/)
  const domain = fc.stringMatching(/^[a-z0-9._-]{1,40}$/)
  fc.assert(
    fc.property(domain, name, name, (trustDomain, dc, service) => {
      assert.deepEqual(serviceOfSpiffeId(spiffeIdOf({ trustDomain, dc }, service)), { trustDomain, dc, service })
    }),
  )
  fc.assert(
    fc.property(fc.string(), fc.nat(80), (junk, at) => {
      const id = 'spiffe://demo.mesh/ns/default/dc/dc1/svc/report'
      const read = serviceOfSpiffeId(id.slice(0, at) + junk + id.slice(at))
      if (read) assert.match(read.service + read.dc + read.trustDomain, /^[A-Za-z0-9._-]+$/)
    }),
  )
  for (const near of [
    'spiffe://demo.mesh/control',
    'spiffe://demo.mesh/ns/default/dc/dc1/svc/a/b',
    'spiffe://demo.mesh/ns/default/dc/dc1/svc/',
    'SPIFFE://demo.mesh/ns/default/dc/dc1/svc/a',
    'spiffe://demo.mesh/ns/default/dc/dc1/svc/a\n',
  ])
    assert.equal(serviceOfSpiffeId(near), undefined, near)
})
