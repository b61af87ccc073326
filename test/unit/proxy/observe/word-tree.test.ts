import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WordTree } from '../../../../proxy/observe/word-tree.ts'

test('a tree of words knows exactly what a map of joined keys knows', () => {
  const word = fc.constantFrom('', 'a', 'b')
  const words = fc.tuple(word, word, word, word)
  const step = fc.record({ does: fc.constantFrom('add', 'delete'), words })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), words, (steps, asked) => {
      const tree = new WordTree<number>()
      const model = new Map<string, number>()

      for (const [n, { does, words }] of steps.entries()) {
        if (does === 'add') {
          tree.add(n, ...words)
          model.set(words.join('/'), n)
        } else {
          tree.delete(...words)
          model.delete(words.join('/'))
        }
        assert.equal(tree.get(...words), model.get(words.join('/')))
      }

      assert.equal(tree.get(...asked), model.get(asked.join('/')))
    }),
  )
})
