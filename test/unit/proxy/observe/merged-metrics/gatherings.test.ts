import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Family } from '../../../../../protocol/prometheus/family.ts'
import type { GatherRequest } from '../../../../../proxy/observe/merged-metrics/gather.ts'
import { createGatherings } from '../../../../../proxy/observe/merged-metrics/gatherings.ts'
import { createSlices } from '../../../../../proxy/observe/merged-metrics/slices.ts'
import { manualClock } from '../../../../support/manual-clock.ts'

const gauge = (name: string): Family => ({
  name,
  type: 'gauge',
  help: undefined,
  unit: undefined,
  samples: [{ suffix: '', labels: [], value: 1, timestampMs: undefined, exemplar: undefined }],
})

function scene(gatheringsMax = 8) {
  const clock = manualClock()
  const started: GatherRequest[] = []
  const finish: ((families: Family[]) => void)[] = []
  const fail: ((error: Error) => void)[] = []
  const gather = (request: GatherRequest) => {
    started.push(request)
    return new Promise<Family[]>((resolve, reject) => {
      finish.push(resolve)
      fail.push(reject)
    })
  }
  const gatherings = createGatherings(gather, gatheringsMax, clock, createSlices(clock))
  const join = async (deadlineMs: number, names: string[] = []) => {
    const encodings = await gatherings.join({ deadlineMs, names, chain: [] })
    return (await encodings.bytes('text', false)).toString()
  }
  return { clock, started, finish, fail, join }
}

test('scrapes under way at once are one, and a later one asks anew', async () => {
  const { started, finish, join } = scene()
  const both = Promise.all([join(5000), join(5000)])
  finish[0]!([gauge('a')])
  assert.deepEqual(await both, ['# TYPE a gauge\na 1\n', '# TYPE a gauge\na 1\n'])
  assert.equal(started.length, 1)
  void join(5000)
  assert.equal(started.length, 2)
})

test('a scraper in a hurry does not wait for another one that has time', () => {
  const { started, join, clock } = scene()
  void join(9500)
  void join(5000)
  assert.equal(started.length, 2)
  clock.advance(1000)
  void join(9500)
  assert.equal(started.length, 2, 'who has time joins one that ends earlier')
})

test('a filter is a gathering of its own, whatever the order of its names', () => {
  const { started, join } = scene()
  void join(5000, ['a', 'b'])
  void join(5000, ['b', 'a'])
  void join(5000, ['a'])
  void join(5000)
  assert.deepEqual(
    started.map(({ names }) => names),
    [['a', 'b'], ['a'], []],
  )
})

test('too many filters at once are served from one gathering of everything, each with its part', async () => {
  const { started, finish, join } = scene(2)
  void join(5000, ['x'])
  void join(5000, ['y'])
  const parts = Promise.all([join(5000, ['a']), join(5000, ['b']), join(5000)])
  assert.equal(started.length, 3)
  assert.deepEqual(started[2]?.names, [])
  finish[2]!([gauge('a'), gauge('b')])
  assert.deepEqual(await parts, [
    '# TYPE a gauge\na 1\n',
    '# TYPE b gauge\nb 1\n',
    '# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n',
  ])
})

test('a gathering that fails is told to all who wait for it, and forgotten', async () => {
  const { started, fail, join } = scene()
  const both = [join(5000), join(5000)]
  const told = both.map(each => assert.rejects(each, /defect/))
  fail[0]!(new Error('defect'))
  await Promise.all(told)
  void join(5000)
  assert.equal(started.length, 2)
})
