import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grpcAnswer, prefersPlain, proxyAnswer } from '../../../../proxy/accept/proxy-answer.ts'
import { StallWatch } from '../../../../proxy/accept/stall-watch.ts'
import { type FailureFlag, failure } from '../../../../proxy/failures.ts'

const flags: FailureFlag[] = ['UH', 'UF', 'UO', 'UT', 'UC', 'UPE', 'NR', 'RL', 'UAEX', 'DC', 'URX', 'DPE', 'DT', 'LH']

test('every failure has an answer for outsiders that says what to do and holds nothing of the inside', () => {
  for (const flag of flags) {
    const cause = failure(flag, '10.1.2.3:8080 said no')
    const { head, body } = proxyAnswer(cause, { plain: false, outside: true, date: '', facts: {} })
    const said = JSON.parse(String(body))

    assert.equal(head.status, cause.status)
    assert.equal(said.flag, flag)
    assert.ok(said.message.length > 10)
    if (flag !== 'DPE' && flag !== 'DT') assert.equal(said.message.includes('10.1.2.3'), false)
  }
})

test('every failure has a gRPC status with its reason in the head, and nothing behind it', () => {
  for (const flag of flags) {
    const cause = failure(flag, '10.1.2.3:8080 said "no" – twice')
    const { head, body } = grpcAnswer(cause, { plain: false, outside: false, date: '', facts: {} })
    const field = (name: string) => head.fields[head.fields.indexOf(name) + 1]

    assert.deepEqual([head.status, head.hasBody, body.length], [200, false, 0])
    assert.match(field('grpc-status')!, /^([1-9]|1[0-6])$/)
    assert.equal(field('grpc-message'), `${cause.reason}: 10.1.2.3:8080 said "no" %E2%80%93 twice`)
    assert.equal(field('x-trimtab-reason'), cause.reason)
  }
  const outside = grpcAnswer(failure('UF', '10.1.2.3'), { plain: false, outside: true, date: '', facts: {} })
  assert.equal(outside.head.fields.join().includes('10.1.2.3'), false)
})

test('facts that are empty are not told; the length is that of the bytes, not of the characters', () => {
  const { head, body } = proxyAnswer(failure('NR', 'Grüße'), {
    plain: false,
    outside: false,
    date: '',
    facts: { route: '', upstream: 'expense', attempts: 0 },
  })

  assert.deepEqual(JSON.parse(String(body)), {
    status: 404,
    reason: 'no-route',
    flag: 'NR',
    message: 'Grüße',
    upstream: 'expense',
  })
  assert.equal(head.fields[head.fields.indexOf('content-length') + 1], String(body.length))
})

test('JSON unless text is asked for and JSON is not', () => {
  assert.equal(prefersPlain(undefined), false)
  assert.equal(prefersPlain('*/*'), false)
  assert.equal(prefersPlain('text/html,application/xhtml+xml,*/*;q=0.8'), true)
  assert.equal(prefersPlain('text/plain, application/json'), false)
})

test('a client stalls for as long as what waits for it stays the same; nothing waiting is no stall', () => {
  const watch = new StallWatch()

  assert.deepEqual(
    [
      watch.lastsMs(0, 0),
      watch.lastsMs(0, 500),
      watch.lastsMs(10, 1000),
      watch.lastsMs(10, 1700),
      watch.lastsMs(9, 1800),
      watch.lastsMs(9, 1900),
    ],
    [0, 0, 0, 700, 0, 100],
  )
})
