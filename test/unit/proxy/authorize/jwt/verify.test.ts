import assert from 'node:assert/strict'
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, it, test } from 'node:test'
import fc from 'fast-check'
import { exportJWK, type JWK } from 'jose'
import { readKeySet } from '../../../../../proxy/authorize/jwt/key-set.ts'
import { judgeTimes } from '../../../../../proxy/authorize/jwt/times.ts'
import { tokenOf } from '../../../../../proxy/authorize/jwt/token-of.ts'
import { verifyToken } from '../../../../../proxy/authorize/jwt/verify.ts'
import { issuerOf, providerOf } from '../../../../support/tokens.ts'

const provider = providerOf()
const rsa = await issuerOf('rsa', 'RS256')
const ec = await issuerOf('ec', 'ES256')

async function keySetOf(...keys: JWK[]) {
  const read = await readKeySet(JSON.stringify({ keys }))
  assert.ok(read.status === 'ok', JSON.stringify(read))
  return read.keySet
}
async function verdictOf(token: string, ...keys: JWK[]): Promise<string> {
  const verdict = await verifyToken(token, provider, await keySetOf(...keys))
  return verdict.status === 'invalid' ? verdict.problem : verdict.status
}
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const payload = { iss: provider.issuer, aud: 'expense', exp: 9e9 }

describe('a signature holds by a key of its own kind alone', () => {
  for (const algorithm of ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])
    it(`${algorithm} is taken`, async () => {
      const issuer = await issuerOf('k', algorithm)
      assert.equal(await verdictOf(await issuer.token(), issuer.jwk), 'signed')
    })
  it('no signature at all is refused, and so is every algorithm that needs a shared secret', async () => {
    const none = `${part({ alg: 'none' })}.${part(payload)}.x`
    assert.equal(await verdictOf(none, rsa.jwk), 'algorithm')
    // The public key, known to everybody, taken for the secret of an HMAC.
    const pem = createPublicKey({ key: rsa.jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    const signed = `${part({ alg: 'HS256', kid: 'rsa' })}.${part(payload)}`
    const confused = `${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`
    assert.equal(await verdictOf(confused, rsa.jwk), 'algorithm')
  })
  it('a token that names an algorithm of another kind than its key has no key', async () => {
    const [, body, signature] = (await rsa.token()).split('.')
    assert.equal(
      await verdictOf(`${part({ alg: 'ES256', kid: 'rsa' })}.${body}.${signature}`, rsa.jwk, ec.jwk),
      'unknown-key',
    )
  })
  it('another key, another payload, a cut signature: none holds', async () => {
    const [header, body, signature] = (await ec.token()).split('.') as [string, string, string]
    const other = await issuerOf('ec', 'ES256')
    assert.equal(await verdictOf(await other.token(), ec.jwk), 'signature')
    assert.equal(await verdictOf(`${header}.${part({ ...payload, admin: true })}.${signature}`, ec.jwk), 'signature')
    assert.equal(await verdictOf(`${header}.${body}.${signature.slice(4)}`, ec.jwk), 'signature')
  })
  it('without a key id every key of its kind is tried', async () => {
    const token = await ec.token({}, { kid: undefined as unknown as string })
    const other = await issuerOf('other', 'ES256')
    assert.equal(await verdictOf(token, rsa.jwk, other.jwk, ec.jwk), 'signed')
  })
  it('a critical extension that nobody knows refuses the token (RFC 7515, 4.1.11)', async () => {
    const token = await ec.token({}, { crit: ['x'], x: 1 } as object).catch(() => undefined)
    const [, body, signature] = (await ec.token()).split('.')
    const forged = `${part({ alg: 'ES256', kid: 'ec', crit: ['x'], x: 1 })}.${body}.${signature}`
    assert.equal(await verdictOf(token ?? forged, ec.jwk), 'signature')
  })
})

describe('a signed token may still be meant for somebody else', () => {
  const say = async (claims: Record<string, unknown>) => verdictOf(await ec.token(claims), ec.jwk)
  it('another issuer', async () => assert.equal(await say({ iss: 'https://login.example/' }), 'issuer'))
  it('no issuer', async () => assert.equal(await say({ iss: undefined }), 'issuer'))
  it('another audience', async () => assert.equal(await say({ aud: 'report' }), 'audience'))
  it('no audience', async () => assert.equal(await say({ aud: undefined }), 'audience'))
  it('one of several audiences is enough', async () =>
    assert.equal(await say({ aud: ['report', 'expense'] }), 'signed'))
})

describe('times are judged with the skew that is granted', () => {
  const nowMs = 1_000_000_000_000
  const at = (claims: Record<string, unknown>, skewMs = 30_000) => {
    const verdict = judgeTimes(claims, nowMs, skewMs)
    return verdict.status === 'invalid' ? verdict.problem : verdict.status
  }
  const now = nowMs / 1000
  it('its end', () => {
    assert.equal(at({ exp: now + 1 }), 'valid')
    assert.equal(at({ exp: now - 29 }), 'valid')
    assert.equal(at({ exp: now - 30 }), 'expired')
    assert.equal(at({ exp: now }, 0), 'expired')
  })
  it('its begin', () => {
    assert.equal(at({ exp: now + 99, nbf: now + 30 }), 'valid')
    assert.equal(at({ exp: now + 99, nbf: now + 31 }), 'not-yet-valid')
    assert.equal(at({ exp: now + 99, iat: now + 31 }), 'not-yet-valid')
  })
  it('one that never ends, or says its end in another way, is refused', () => {
    for (const exp of [undefined, String(now + 99), null, Number.POSITIVE_INFINITY])
      assert.equal(at({ exp }), 'no-expiry', String(exp))
    assert.equal(at({ exp: now + 99, nbf: 'soon' }), 'not-yet-valid')
  })
})

describe('a key document', () => {
  it('keys that no token is verified by are left out', async () => {
    const weak = await exportJWK(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)
    const { keys, ignored } = await keySetOf(
      rsa.jwk,
      { kty: 'oct', k: 'c2VjcmV0' },
      { ...weak, kid: 'weak' },
      { ...ec.jwk, use: 'enc' },
      { ...ec.jwk, key_ops: ['sign'] },
      { ...ec.jwk, alg: 'RS256' },
      { ...ec.jwk, crv: 'P-521' },
      { ...ec.jwk, x: 'AA' },
      { ...rsa.jwk, d: 'AA' },
    )
    assert.deepEqual([keys.map(({ kid }) => kid), ignored], [['rsa'], 8])
  })
  it('one that holds none, or is none, is bad', async () => {
    for (const text of ['', '[]', '{}', '{"keys":{}}', '{"keys":[null,1,"x",{}]}', `{"keys":[${'{},'.repeat(100)}{}]}`])
      assert.equal((await readKeySet(text)).status, 'bad', text.slice(0, 40))
  })
})

test('a token stands once in its header, after Bearer in authorization', () => {
  const token = 'a.b.c'
  assert.deepEqual(tokenOf(['authorization', `bearer  ${token} `], 'authorization'), { status: 'found', token })
  assert.deepEqual(tokenOf(['x-token', token], 'x-token'), { status: 'found', token })
  assert.equal(tokenOf(['authorization', `Basic ${token}`], 'authorization').status, 'missing')
  assert.equal(tokenOf(['authorization', token], 'authorization').status, 'missing')
  assert.equal(tokenOf([], 'authorization').status, 'missing')
  for (const bad of ['a.b', 'a.b.c.d', 'a.b.', 'a b.c', 'a.b.c,d', `a.${'b'.repeat(20_000)}.c`])
    assert.equal(tokenOf(['x-token', bad], 'x-token').status, 'invalid', bad.slice(0, 20))
  assert.equal(tokenOf(['x-token', token, 'x-token', token], 'x-token').status, 'invalid')
})

test('whatever stands there as a token, the verdict is a value', async () => {
  const keySet = await keySetOf(rsa.jwk, ec.jwk)
  const [header, body, signature] = (await ec.token()).split('.') as [string, string, string]
  const piece = fc.oneof(
    fc.constantFrom(header, body, signature, part({ alg: 'ES256' }), part(null)),
    fc.base64String(),
    fc.string(),
  )
  await fc.assert(
    fc.asyncProperty(piece, piece, piece, async (a, b, c) => {
      const verdict = await verifyToken(`${a}.${b}.${c}`, provider, keySet)
      const whole = a === header && b === body && c === signature
      assert.equal(verdict.status === 'signed', whole)
    }),
    { numRuns: 300 },
  )
})
