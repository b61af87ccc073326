import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Upstream } from '../../../../protocol/snapshot.ts'
import { explain } from '../../../../proxy/route/explain.ts'
import { applyLine, applyWhole, emptyPolicy, type Policy } from '../../../../proxy/route/policy.ts'

const limits = { maxConnections: 1, maxPending: 1, maxRequests: 1, maxRetries: 1 }
const retries = {
  attempts: 0,
  on: [],
  statusCodes: [],
  perTryTimeoutMs: 0,
  budget: 0.2,
  budgetPerSecond: 10,
  backoffBaseMs: 25,
  backoffMaxMs: 250,
}
const upstream = (service: string, extra: Partial<Upstream> = {}): Upstream => ({
  service,
  protocol: 'http',
  timeoutMs: 1000,
  connectTimeoutMs: 100,
  idleTimeoutMs: 1000,
  retries,
  limits,
  balancing: 'round-robin',
  routes: [],
  versions: { v1: { weight: 75 }, v2: { weight: 25 } },
  endpoints: [{ id: 'e1', address: '127.0.0.1:1', version: 'v1', health: 'healthy' }],
  mesh: true,
  ...extra,
})
const applied = (
  policy: Policy,
  epoch: number,
  sections: Record<string, { version: number; value: unknown } | null>,
): Policy => {
  const result = applyLine(policy, { epoch, sections })
  assert.equal(result.status, 'applied')
  return (result as { policy: Policy }).policy
}

test('a line changes the sections that it names and keeps the others', () => {
  const first = applied(emptyPolicy, 1, {
    'upstream/a': { version: 1, value: upstream('a') },
    'upstream/b': { version: 1, value: upstream('b') },
  })
  const second = applied(first, 2, { 'upstream/a': null })
  assert.deepEqual([...second.upstreams.keys()], ['b'])
  assert.equal(second.upstreams.get('b'), first.upstreams.get('b'), 'what did not change is not compiled again')
})

test('the first line of a stream carries everything: what it does not name is gone', () => {
  const before = applied(emptyPolicy, 3, {
    'upstream/a': { version: 1, value: upstream('a') },
    'upstream/b': { version: 1, value: upstream('b') },
  })
  const result = applyWhole(before, { epoch: 3, sections: { 'upstream/b': { version: 1, value: upstream('b') } } })
  assert.ok(result.status === 'applied')
  assert.deepEqual([...result.policy.upstreams.keys()], ['b'])
  assert.equal(applyWhole(before, { epoch: 2, sections: {} }).status, 'stale')
})

test('a lower epoch is ignored', () => {
  const policy = applied(emptyPolicy, 5, {})
  assert.equal(
    applyLine(policy, { epoch: 4, sections: { 'upstream/a': { version: 1, value: upstream('a') } } }).status,
    'stale',
  )
})

test('a line that does not hold is refused as a whole, with section and field', () => {
  const result = applyLine(emptyPolicy, {
    epoch: 1,
    sections: {
      'upstream/a': { version: 1, value: upstream('a') },
      'upstream/b': { version: 1, value: { ...upstream('b'), balancing: 'psychic' } },
    },
  })
  assert.equal(result.status, 'refused')
  assert.match((result as { reason: string }).reason, /upstream\/b.*balancing/)
})

test('a regex that does not compile refuses its line', () => {
  const bad = upstream('a', { routes: [{ name: 'r', match: { pathRegex: '(' } }] })
  assert.equal(
    applyLine(emptyPolicy, { epoch: 1, sections: { 'upstream/a': { version: 1, value: bad } } }).status,
    'refused',
  )
})

test('explain tells the shares of the weights, or the version that a route or a sticky key chose', () => {
  const policy = applied(emptyPolicy, 1, {
    'upstream/a': {
      version: 1,
      value: upstream('a', {
        routes: [{ name: 'debug', match: { headers: { 'x-debug': { exact: '1' } } }, to: { version: 'v2' } }],
        stickiness: { header: 'x-user' },
      }),
    },
  })
  const ask = (headers: Record<string, string>, url = 'http://a/x') =>
    explain(policy, { method: 'GET', url, headers, direction: 'outbound' })
  const plain = ask({})
  assert.ok(plain.status === 'routed' && plain.chosenBy === 'weights')
  assert.deepEqual(plain.versions, { v1: 0.75, v2: 0.25 })
  const debug = ask({ 'x-debug': '1' })
  assert.ok(
    debug.status === 'routed' && debug.route === 'debug' && debug.chosenBy === 'route' && debug.versions['v2'] === 1,
  )
  const sticky = ask({ 'x-user': 'rosa' })
  assert.ok(sticky.status === 'routed' && sticky.chosenBy === 'stickiness' && Object.keys(sticky.versions).length === 1)
  const nowhere = ask({}, 'http://unknown/x')
  assert.ok(nowhere.status === 'refused' && nowhere.flag === 'NR' && /unknown/.test(nowhere.detail))
})
