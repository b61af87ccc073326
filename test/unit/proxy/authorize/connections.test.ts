import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Intentions } from '../../../../protocol/intentions.ts'
import { createConnectionAuthorizer } from '../../../../proxy/authorize/connection-authorizer.ts'
import { authorizationCounts } from '../../../../proxy/authorize/counts.ts'
import { denialLog } from '../../../../proxy/authorize/denial-log.ts'
import { explainCall } from '../../../../proxy/authorize/explain.ts'
import { createTokens } from '../../../../proxy/authorize/jwt/tokens.ts'
import { applyLine, type PolicyInForce, policyInForce } from '../../../../proxy/route/policy.ts'
import type { TcpConnection } from '../../../../proxy/tcp/connection.ts'
import { systemClock } from '../../../../runtime/clock.ts'
import { silentLog } from '../../../../runtime/log.ts'
import { listenerOf } from '../../../support/mesh-proxy.ts'
import { tcpConnectionOf } from '../../../support/tcp-connections.ts'
import { callers, intentions } from './arbitrary.ts'

let epoch = 0

function tell(policy: PolicyInForce, told: Intentions | undefined, mtls: 'strict' | 'permissive' = 'strict'): void {
  const applied = applyLine(policy.current, {
    epoch: ++epoch,
    sections: {
      listener: { version: epoch, value: listenerOf('db', mtls, { protocol: 'tcp' }) },
      intentions: told === undefined ? null : { version: epoch, value: told },
    },
  })
  if (applied.status !== 'applied') throw new Error(JSON.stringify(applied))
  policy.replace(applied.policy)
}

/** The stage, and those that it let through. */
function stage(policy = policyInForce()) {
  const letIn: TcpConnection[] = []
  const counts = authorizationCounts()
  const denied = denialLog(systemClock, silentLog)
  const take = createConnectionAuthorizer({ policy, counts, denied, next: connection => letIn.push(connection) })
  return { policy, letIn, counts, take }
}

const tokens = createTokens({ clock: systemClock, random: () => 1, fetchText: async () => '', onKeysChanged() {} })

test('explain says of a connection what the stage does, for any intentions and any caller', async () => {
  let denials = 0
  await fc.assert(
    fc.asyncProperty(intentions, callers, async (given, caller) => {
      const { policy, letIn, take } = stage()
      tell(policy, given)
      const connection = tcpConnectionOf('inbound', caller)

      take(connection)

      const asked = { method: 'GET', url: 'tcp://db', headers: {}, claims: undefined, ...caller }
      const told = await explainCall(policy.current, asked, tokens)
      if (told.verdict === 'deny') denials++
      assert.equal(letIn.length === 1, told.verdict === 'allow')
      assert.equal(connection.over, told.verdict === 'deny')
      assert.equal(connection.intention, told.intention)
      assert.equal(connection.failure?.detail, told.verdict === 'deny' ? told.reason : undefined)
    }),
  )
  assert.ok(denials > 0)
})

test('a connection that stands is cut by other intentions exactly when a new one would be denied', () => {
  fc.assert(
    fc.property(intentions, callers, (given, caller) => {
      const { policy, take } = stage()
      tell(policy, { default: 'allow', rules: [], jwt: {} })
      const standing = tcpConnectionOf('inbound', caller)
      take(standing)
      assert.equal(standing.over, false)

      tell(policy, given)

      const anew = tcpConnectionOf('inbound', caller)
      take(anew)
      assert.equal(standing.over, anew.over)
      assert.equal(standing.failure?.flag, anew.failure?.flag)
    }),
  )
})

test('a snapshot that says nothing else of intentions judges nobody again', () => {
  const { policy, take, counts } = stage()
  tell(policy, { default: 'allow', rules: [], jwt: {} })
  take(tcpConnectionOf('inbound', { source: 'report', sourceId: 'spiffe://m/x' }))

  policy.replace({ ...policy.current, epoch: ++epoch })

  assert.deepEqual(
    [...counts.intentions].map(({ intention, connections }) => [intention, connections]),
    [['default', 1]],
  )
})

test('before anything was told a connection is denied and counted as judged by nobody', () => {
  const { take, counts, letIn } = stage()
  const connection = tcpConnectionOf('inbound')

  take(connection)

  assert.deepEqual([letIn.length, connection.failure?.reason, counts.unknown], [0, 'no-intentions', 1])
})

test('a rule that looks into requests lets no connection in, and turns every one of its caller away', () => {
  const rule = { dryRun: false, precedence: 9, source: { services: ['report'] }, methods: ['GET'] }
  for (const [byDefault, action] of [
    ['deny', 'allow'],
    ['allow', 'deny'],
  ] as const) {
    const { policy, take, letIn } = stage()
    tell(policy, { default: byDefault, rules: [{ ...rule, name: 'r', action }], jwt: {} })

    take(tcpConnectionOf('inbound', { source: 'report', sourceId: 'spiffe://m/ns/default/dc/dc1/svc/report' }))

    assert.equal(letIn.length, 0)
  }
})
