import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { decisionLog } from '../../../../control/state/decision-log.ts'
import { createEpochs } from '../../../../control/state/epochs.ts'
import { createKeeper, savedJudge } from '../../../../control/state/keeper.ts'
import { openStore, storeLimits } from '../../../../control/state/store.ts'
import type { Decision } from '../../../../protocol/decision.ts'
import { manualClock } from '../manual-clock.ts'
import { registration } from '../meshes.ts'

function arrange(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'trimtab-store-'))
  const failures: string[] = []
  const open = (limits = storeLimits) => openStore(directory, limits, reason => failures.push(reason))
  t.after(() => rmSync(directory, { recursive: true }))
  return { directory, open, failures }
}

const decision = (id: number, service = 'expense'): Decision => ({
  id,
  time: '2026-01-01T00:00:00.000Z',
  service,
  version: 'v2',
  action: 'shift',
  from: { v2: 10 },
  to: { v2: 0 },
  reason: `reason ${id}`,
  metric: 'errors',
  observed: 1,
  threshold: 0.1,
  evidence: { R: 1e7 },
  windowMs: 1000,
  data: 'traffic',
  actor: 'judge',
  dryRun: false,
  traces: [],
  epoch: 1,
})
const ids = (decisions: Decision[]) => decisions.map(({ id }) => id)

test('what was written is there after the store is opened again', t => {
  const { open } = arrange(t)
  const store = open()
  store.write({
    decisions: [decision(1), decision(2, 'report')],
    kept: { judge: 'text' },
    instances: { put: [registration('e1'), registration('e2')], gone: [] },
  })
  store.write({ instances: { put: [], gone: ['e2'] } })
  store.close()

  const again = open()
  t.after(() => again.close())
  assert.deepEqual(again.decisions({ limit: 10 }), [decision(2, 'report'), decision(1)])
  assert.equal(again.kept('judge'), 'text')
  assert.deepEqual(again.instances(), [registration('e1')])
  assert.equal(again.lastDecisionId(), 2)
})

test('decisions are found by service, page by page, newest first, and oldest first for shipping', t => {
  const store = arrange(t).open()
  t.after(() => store.close())
  store.write({ decisions: [1, 2, 3, 4, 5, 6].map(id => decision(id, id % 2 ? 'odd' : 'even')) })
  assert.deepEqual(ids(store.decisions({ service: 'odd', limit: 2 })), [5, 3])
  assert.deepEqual(ids(store.decisions({ service: 'odd', limit: 2, before: 3 })), [1])
  assert.deepEqual(ids(store.decisionsAfter(4, 10)), [5, 6])
})

test('the log of decisions is bounded: the oldest go', t => {
  const store = arrange(t).open({ ...storeLimits, decisionsMax: 100, waitingMax: 10 })
  t.after(() => store.close())
  for (let id = 1; id <= 500; id++) store.write({ decisions: [decision(id)] })
  const kept = ids(store.decisions({ limit: 1000 }))
  assert.equal(kept[0], 500)
  assert.ok(kept.length >= 100 && kept.length <= 102, `${kept.length} kept`)
})

test('while the disk refuses, decisions wait in memory, are still told, and are written when it lets them', t => {
  const { directory, open, failures } = arrange(t)
  const store = open()
  t.after(() => store.close())
  store.write({ decisions: [decision(1)] })
  const blocker = new DatabaseSync(join(directory, 'control.db'))
  blocker.exec('BEGIN EXCLUSIVE')

  store.write({
    decisions: [decision(2)],
    kept: { judge: 'newer' },
    instances: { put: [registration('e1')], gone: [] },
  })

  assert.match(store.failing ?? '', /locked/)
  assert.equal(failures.length, 1)
  assert.deepEqual(ids(store.decisions({ limit: 10 })), [2, 1])
  assert.equal(store.kept('judge'), 'newer')
  assert.equal(store.lastDecisionId(), 2)

  blocker.exec('ROLLBACK')
  blocker.close()
  store.write({})
  assert.equal(store.failing, undefined)
  assert.deepEqual(ids(store.decisions({ limit: 10 })), [2, 1])
  assert.equal(store.instances().length, 1)
})

test('decisions that wait are bounded, and those that are lost are counted', t => {
  const { directory, open } = arrange(t)
  const store = open({ ...storeLimits, decisionsMax: 100, waitingMax: 3 })
  t.after(() => store.close())
  const blocker = new DatabaseSync(join(directory, 'control.db'))
  t.after(() => blocker.close())
  blocker.exec('BEGIN EXCLUSIVE')
  store.write({ decisions: [1, 2, 3, 4, 5].map(id => decision(id)) })
  assert.equal(store.droppedDecisions, 2)
  assert.deepEqual(ids(store.decisions({ limit: 10 })), [5, 4, 3])
})

test('a state that cannot be read says which file, why and what to do', t => {
  const { directory, open } = arrange(t)
  writeFileSync(join(directory, 'control.db'), 'this is no database, and long enough to tell'.repeat(100))
  assert.throws(open, /control\.db cannot be opened: .*move the file away/)
})

test('a state of a newer release is refused', t => {
  const { directory, open } = arrange(t)
  open().close()
  const database = new DatabaseSync(join(directory, 'control.db'))
  database.exec('PRAGMA user_version = 99')
  database.close()
  assert.throws(open, /newer release/)
})

test('epochs grow over a restart that nobody prepared', t => {
  const { open } = arrange(t)
  const before = open()
  const epochs = createEpochs(before)
  const last = [epochs.next(), epochs.next(), epochs.next()].at(-1)!
  before.close()

  const after = open()
  t.after(() => after.close())
  assert.ok(createEpochs(after).next() > last)
})

test('epochs follow one another, and can be raised but not lowered', t => {
  const store = arrange(t).open()
  t.after(() => store.close())
  const epochs = createEpochs(store)
  const first = epochs.next()
  assert.equal(epochs.next(), first + 1)
  epochs.raiseTo(5000)
  assert.equal(epochs.next(), 5000)
  epochs.raiseTo(7)
  assert.equal(epochs.next(), 5001)
})

test('decisions are numbered on over a restart, dated, and told to followers after they are written', t => {
  const { open } = arrange(t)
  const clock = manualClock()
  const { id: _id, time: _time, epoch: _epoch, ...undated } = decision(0)
  const first = open()
  decisionLog(first, clock).record([undated, undated], 7, {})
  first.close()

  const store = open()
  t.after(() => store.close())
  const log = decisionLog(store, clock)
  const seen: Array<[number, number]> = []
  log.follow(told => seen.push([told.id, store.decisions({ limit: 1 })[0]!.id]))
  const [third] = log.record([undated], 8, { kept: { judge: 'along' } })

  assert.deepEqual(seen, [[3, 3]])
  assert.deepEqual([third?.epoch, third?.time], [8, new Date(clock.wall()).toISOString()])
  assert.equal(log.lastOf('expense')?.id, 3)
  assert.equal(store.kept('judge'), 'along')
})

test('what is kept is written each second, and says how long control was away', t => {
  const { open } = arrange(t)
  const clock = manualClock()
  const store = open()
  t.after(() => store.close())
  const keeper = createKeeper({
    store,
    clock,
    everyMs: 1000,
    texts: () => ({ judge: `at ${clock.now()}` }),
    onWritten() {},
  })
  keeper.instancePut(registration('e1'))
  keeper.instancePut(registration('e2'))
  keeper.instanceGone('e2')
  clock.advance(1000)
  assert.deepEqual(store.instances(), [registration('e1')])
  const savedAt = clock.now()
  clock.advance(400)
  assert.deepEqual(savedJudge(store, clock), { text: `at ${savedAt}`, awayMs: 400 })
})
