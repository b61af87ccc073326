import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Listed, Roster } from '../../../proxy/roster.ts'

test('a roster holds what a set would, each member once', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ n: fc.nat(9), adds: fc.boolean() }), { maxLength: 200 }), steps => {
      const people = Array.from({ length: 10 }, (): Listed => ({ place: -1 }))
      const roster = new Roster<Listed>()
      const set = new Set<Listed>()
      for (const { n, adds } of steps) {
        const member = people[n]!
        if (adds) roster.add(member)
        else roster.remove(member)
        if (adds) set.add(member)
        else set.delete(member)
        assert.equal(roster.size, set.size)
      }
      const visited: Listed[] = []
      roster.forEach(member => {
        visited.push(member)
      })
      assert.equal(visited.length, set.size)
      assert.deepEqual(new Set(visited), set)
    }),
  )
})

test('who is visited may leave: all others are visited, nobody twice', () => {
  const roster = new Roster<Listed>()
  const people = Array.from({ length: 9 }, (): Listed => ({ place: -1 }))
  for (const member of people) roster.add(member)
  const visited: Listed[] = []

  roster.forEach(member => {
    visited.push(member)
    if (people.indexOf(member) % 2 === 0) roster.remove(member)
  })

  assert.equal(new Set(visited).size, visited.length)
  assert.equal(visited.length, 9)
  assert.equal(roster.size, 4)
})
