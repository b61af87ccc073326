import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { knownTokens } from '../../../../../proxy/authorize/jwt/known-tokens.ts'
import { createTokens, type Tokens } from '../../../../../proxy/authorize/jwt/tokens.ts'
import { manualClock } from '../../../../support/manual-clock.ts'
import { issuerOf, providerOf } from '../../../../support/tokens.ts'
import { until } from '../../../../support/until.ts'

/** Tokens of a provider whose keys are at a URL that the test plays. */
function arrange(t: TestContext) {
  const clock = manualClock()
  const server = { answer: '' as string | Error, fetched: 0 }
  const told: string[] = []
  const tokens = createTokens({
    clock,
    random: () => 1,
    async fetchText() {
      server.fetched++
      if (server.answer instanceof Error) throw server.answer
      return server.answer
    },
    onKeysChanged: (_provider, problem) => told.push(problem),
  })
  t.after(() => tokens.close())
  const withUrl = () => tokens.reconcile({ p: providerOf({ jwksUrl: 'https://login.example/jwks' }) })
  return { clock, server, told, tokens, withUrl }
}

async function verdictOf(tokens: Tokens, token: string): Promise<string> {
  const verdict = await tokens.verify('p', token)
  return verdict.status === 'invalid' ? verdict.problem : verdict.status
}

test('a token is verified once: after that its verdict is known, until its time is over', async t => {
  const { clock, tokens } = arrange(t)
  const issuer = await issuerOf('k', 'ES256', clock.wall)
  tokens.reconcile({ p: providerOf({ jwks: issuer.jwks }) })
  const token = await issuer.token()
  assert.equal(tokens.known('p', token), undefined)
  assert.equal(await verdictOf(tokens, token), 'valid')
  assert.equal(tokens.known('p', token)?.status, 'valid')
  clock.advance(331_000)
  const late = tokens.known('p', token)
  assert.equal(late?.status === 'invalid' && late.problem, 'expired')
  assert.equal(tokens.known('q', token), undefined, 'another provider knows nothing of it')
})

test('keys are fetched at once; a token that comes before them waits for them', async t => {
  const { clock, server, tokens, withUrl } = arrange(t)
  const issuer = await issuerOf('k', 'ES256', clock.wall)
  server.answer = issuer.jwks
  withUrl()
  assert.equal(await verdictOf(tokens, await issuer.token()), 'valid')
  assert.equal(server.fetched, 1)
})

test('without keys nobody is let in, and the failure is told; they are asked for again, ever less often', async t => {
  const { clock, server, told, tokens, withUrl } = arrange(t)
  const issuer = await issuerOf('k', 'ES256', clock.wall)
  server.answer = new Error('it answered 500')
  withUrl()
  assert.equal(await verdictOf(tokens, await issuer.token()), 'unavailable')
  assert.deepEqual(told, ['https://login.example/jwks: it answered 500'])
  assert.deepEqual(tokens.standing()[0]?.fetched, { ok: 0, failed: 1 })
  server.answer = issuer.jwks
  clock.advance(1000)
  await until(
    'keys',
    () => tokens.standing()[0]?.keys,
    keys => keys === 1,
  )
  assert.equal(await verdictOf(tokens, await issuer.token()), 'valid')
  assert.equal(told.at(-1), '')
})

test('the last good keys stay while new ones cannot be had', async t => {
  const { clock, server, tokens, withUrl } = arrange(t)
  const issuer = await issuerOf('k', 'ES256', clock.wall)
  server.answer = issuer.jwks
  withUrl()
  await tokens.verify('p', await issuer.token())
  server.answer = '{"keys":[]}'
  clock.advance(600_000)
  await until(
    'the failure',
    () => tokens.standing()[0],
    standing => standing?.problem !== '',
  )
  assert.equal(await verdictOf(tokens, await issuer.token()), 'valid')
})

test('a key that is not known is looked for, but strangers who make up key ids cost one fetch in ten seconds', async t => {
  const { clock, server, tokens, withUrl } = arrange(t)
  const [old, next] = [await issuerOf('old', 'ES256', clock.wall), await issuerOf('new', 'ES256', clock.wall)]
  server.answer = old.jwks
  withUrl()
  await tokens.verify('p', await old.token())
  server.answer = JSON.stringify({ keys: [old.jwk, next.jwk] })
  assert.equal(await verdictOf(tokens, await next.token()), 'unknown-key', 'too soon after the last fetch')
  clock.advance(10_000)
  assert.equal(await verdictOf(tokens, await next.token()), 'valid')
  assert.equal(server.fetched, 2)
  for (let n = 0; n < 20; n++)
    assert.equal(await verdictOf(tokens, await next.token({ n }, { kid: `made-up-${n}` })), 'unknown-key')
  assert.equal(server.fetched, 2)
})

test('a token whose key is taken back is not taken any more, although it was known', async t => {
  const { clock, server, tokens, withUrl } = arrange(t)
  const [old, next] = [await issuerOf('old', 'ES256', clock.wall), await issuerOf('new', 'ES256', clock.wall)]
  server.answer = JSON.stringify({ keys: [old.jwk, next.jwk] })
  withUrl()
  const token = await old.token({ exp: 9e9 })
  assert.equal(await verdictOf(tokens, token), 'valid')
  server.answer = next.jwks
  clock.advance(600_000)
  await until(
    'the new keys',
    () => tokens.standing()[0]?.keys,
    keys => keys === 1,
  )
  assert.equal(tokens.known('p', token), undefined)
  assert.equal(await verdictOf(tokens, token), 'unknown-key')
})

test('another issuer in the mesh file holds at once; a provider that stays as it is keeps its keys', async t => {
  const { clock, server, tokens, withUrl } = arrange(t)
  const issuer = await issuerOf('k', 'ES256', clock.wall)
  server.answer = issuer.jwks
  withUrl()
  const token = await issuer.token()
  assert.equal(await verdictOf(tokens, token), 'valid')
  withUrl()
  assert.equal(server.fetched, 1)
  tokens.reconcile({ p: providerOf({ jwks: issuer.jwks, issuer: 'https://else.example' }) })
  assert.equal(await verdictOf(tokens, token), 'issuer')
  tokens.reconcile({})
  assert.equal(await verdictOf(tokens, token), 'unavailable')
})

test('known tokens are bounded, and those in use stay', async () => {
  const keySet = { keys: [], ignored: 0 }
  const known = knownTokens<object, object>(100)
  for (let n = 0; n < 1000; n++) {
    known.set(`${n}`, keySet, { status: 'signed', claims: {} })
    assert.ok(known.get('0', keySet) !== undefined, `${n}`)
    assert.ok(known.size <= 100)
  }
  assert.equal(known.get('1', keySet), undefined)
  assert.equal(known.get('0', { keys: [], ignored: 0 }), undefined, 'other keys')
})
