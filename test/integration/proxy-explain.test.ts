import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { explainCall } from '../../proxy/authorize/explain.ts'
import { authorized } from '../support/authorized.ts'
import { answering, dial, ok, origin } from '../support/proxy-sockets.ts'
import { issuerOf, providerOf } from '../support/tokens.ts'
import { callers, claims, headerLines, intentions, methods, targets } from '../unit/proxy/authorize/arbitrary.ts'

test('explain tells what traffic meets, for any intentions and any request, tokens and all', {
  timeout: 60_000,
}, async t => {
  const app = await origin(answering(() => ok('fine')))
  t.after(() => app.close())
  const proxy = await authorized(t, app.address)
  const wire = await dial(proxy.address)
  const issuer = await issuerOf()
  const provider = providerOf({ jwks: issuer.jwks })
  const jwt = { p: provider, q: { ...provider, header: 'x-q' } }
  const tokens = fc.oneof(fc.constantFrom('none', 'bad', 'expired'), claims)
  const tokenOf = async (token: string | Record<string, unknown>) => {
    if (token === 'none') return undefined
    if (token === 'bad') return 'a.b.c'
    return token === 'expired' ? issuer.token({ exp: 1 }) : issuer.token(token as Record<string, unknown>)
  }
  let denied = 0
  let asked = 0

  const property = fc.asyncProperty(
    intentions,
    callers,
    methods,
    targets,
    headerLines,
    tokens,
    tokens,
    async (given, caller, method, [url], lines, p, q) => {
      proxy.tell({ ...given, jwt })
      Object.assign(proxy.caller, caller)
      const [tokenP, tokenQ] = [await tokenOf(p), await tokenOf(q)]
      // One line of a name: explain takes headers by name.
      const headers = Object.fromEntries([
        ...lines,
        ...(tokenP === undefined ? [] : [['authorization', `Bearer ${tokenP}`]]),
        ...(tokenQ === undefined ? [] : [['x-q', tokenQ]]),
      ]) as Record<string, string>
      const written = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      const sourced = { method, url: `http://expense${url}`, headers, ...caller, claims: undefined }

      const explanation = await explainCall(proxy.policy.current, sourced, proxy.tokens)
      wire.clear()
      wire.send(`${method} ${url} HTTP/1.1\r\nhost: expense\r\n${written.join('')}\r\n`)
      const answer = await wire.until(/HTTP\/1.1 \d+ [\s\S]*(fine|\}\n)$/)

      const { exchange } = proxy.outcomes.at(-1)!
      asked++
      if (explanation.verdict === 'deny') denied++
      assert.equal(Number(answer.slice(9, 12)), explanation.httpStatus)
      assert.equal(exchange.intention, explanation.intention)
      assert.equal(exchange.request.target, explanation.path)
      if (explanation.verdict === 'deny') assert.equal(exchange.failure?.detail, explanation.reason)
      assert.equal(answer.endsWith('fine'), explanation.verdict === 'allow')
    },
  )
  await fc.assert(property, { numRuns: 1000 })
  assert.ok(denied > asked / 10 && denied < (asked * 9) / 10, `${denied} of ${asked} denied: both ways are met often`)
})
