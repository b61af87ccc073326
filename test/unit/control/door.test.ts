import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApiServer, doorOf } from '../../../control/api/server.ts'
import { type Door, mayEnter, type Visitor } from '../../../control/door.ts'
import { guard } from '../../../control/identity/guard.ts'

const visitors = {
  admin: { is: 'admin', name: 'ann' },
  reader: { is: 'reader', name: 'grafana' },
  proxy: { is: 'proxy', name: 'report', fits: () => true },
  nobody: { is: 'nobody' },
} as const satisfies Record<string, Visitor>

test('each door opens for those it is for, and for admins; nobody passes any but the open one', () => {
  const opens = (door: Door | undefined) =>
    Object.entries(visitors).flatMap(([name, visitor]) => (mayEnter(door, visitor).status === 'enters' ? [name] : []))
  assert.deepEqual(opens('everybody'), ['admin', 'reader', 'proxy', 'nobody'])
  assert.deepEqual(opens('reader'), ['admin', 'reader'])
  assert.deepEqual(opens('proxy'), ['admin', 'proxy'])
  assert.deepEqual(opens('admin'), ['admin'])
  assert.deepEqual(opens(undefined), [])
})

test('a route that says nothing of its door is shut, also for an admin, and answers nothing of its own', async () => {
  const app = createApiServer('0.0.0', assert.fail)
  const audited: string[] = []
  guard(app, {
    visitors: { see: () => ({ status: 'known', visitor: visitors.admin }), failed: () => {} },
    audit: { write: ({ outcome, what, reason }) => void audited.push(`${outcome} ${what}: ${reason}`) },
    events: { limited: () => {} },
    doorOf,
  })
  app.post('/v1/forgotten', () => assert.fail('it was reached'))
  const answer = await app.inject({ method: 'POST', url: '/v1/forgotten' })
  assert.equal(answer.statusCode, 403)
  assert.equal((answer.json() as { error: string }).error, 'not-allowed')
  assert.deepEqual(audited, ['refused POST /v1/forgotten: this route says nothing of who may use it'])
})
