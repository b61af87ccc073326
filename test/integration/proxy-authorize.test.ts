import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import pino from 'pino'
import type { Intention, Intentions, JwtProvider } from '../../protocol/intentions.ts'
import { type Authorized, authorized } from '../support/authorized.ts'
import { answering, dial, ok, origin } from '../support/proxy-sockets.ts'
import { issuerOf, providerOf } from '../support/tokens.ts'
import { until } from '../support/until.ts'

type RuleOf = Partial<Intention> & Pick<Intention, 'action'>
const told = (rules: RuleOf[], jwt: Record<string, JwtProvider> = {}): Intentions => ({
  default: 'deny',
  rules: rules.map((rule, n) => ({ name: `r${n}`, dryRun: false, precedence: 9, source: { any: true }, ...rule })),
  jwt,
})
const get = (path: string, ...lines: string[]) =>
  `GET ${path} HTTP/1.1\r\nhost: expense\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`

/** An application that keeps the requests that reached it. */
async function application(t: TestContext) {
  const requests: string[] = []
  const app = await origin(
    answering(request => {
      requests.push(request)
      return ok('fine')
    }),
  )
  t.after(() => app.close())
  return { address: app.address, requests }
}

const bodyOf = (answer: string) =>
  JSON.parse(answer.slice(answer.lastIndexOf('\r\n\r\n') + 4)) as Record<string, unknown>
const headOf = (answer: string) => answer.slice(0, answer.indexOf('\r\n\r\n'))

test('a call that no intention lets in is answered 403, with who was seen and what to write; the application hears nothing', async t => {
  const app = await application(t)
  const proxy = await authorized(t, app.address)
  proxy.tell(told([{ action: 'allow', methods: ['GET'] }]))
  const wire = await dial(proxy.address)

  wire.send('DELETE /api/expense/trip/1?x=1 HTTP/1.1\r\nhost: expense\r\n\r\n')

  const answer = await wire.until('\n', 8)
  assert.match(headOf(answer), /^HTTP\/1.1 403 .*x-trimtab-reason: denied/s)
  const { message, intention, flag } = bodyOf(answer)
  assert.equal(
    message,
    'no intention lets report DELETE /api/expense/trip/1 of expense; to allow it, write under services.expense.allow in the mesh file: { from: report, methods: [DELETE], path: "/api/expense/trip/1" }',
  )
  assert.deepEqual([intention, flag], ['default', 'UAEX'])
  assert.deepEqual(app.requests, [])
  assert.equal(proxy.outcomes[0]?.exchange.intention, 'default')
})

test('a change holds for the next request on a connection that is open', async t => {
  const app = await application(t)
  const proxy = await authorized(t, app.address)
  proxy.tell(told([{ action: 'allow' }]))
  const wire = await dial(proxy.address)
  wire.send(get('/a'))
  await wire.until('fine')
  proxy.tell(told([{ action: 'deny', name: 'closed' }]))
  wire.clear()
  wire.send(get('/a'))
  assert.match(await wire.until('closed'), /HTTP\/1.1 403/)
  proxy.tell(told([{ action: 'allow' }]))
  wire.clear()
  wire.send(get('/a'))
  assert.match(await wire.until('fine'), /HTTP\/1.1 200/)
})

test('what came through a gateway is told nothing of intentions, and the application does not see the mark', async t => {
  const app = await application(t)
  const proxy = await authorized(t, app.address)
  proxy.tell(
    told([
      { action: 'allow', path: '/a' },
      { action: 'deny', name: 'secret-rule' },
    ]),
  )
  const wire = await dial(proxy.address)
  wire.send(get('/b', 'x-trimtab-outside: 1'))
  const answer = await wire.until('not allowed')
  assert.doesNotMatch(answer, /secret-rule|report|intention/)
  wire.send(get('/a', 'x-trimtab-outside: 1'))
  await wire.until('fine')
  assert.doesNotMatch(app.requests[0]!, /outside/)
})

test('nobody is let in before somebody told who may; without mTLS and intentions everybody is', async t => {
  const app = await application(t)
  const proxy = await authorized(t, app.address)
  const wire = await dial(proxy.address)
  const statusAfter = async (change: () => void) => {
    change()
    wire.clear()
    wire.send(get('/'))
    return Number((await wire.until(/HTTP\/1.1 \d+ [\s\S]*(fine|\}\n)$/)).slice(9, 12))
  }
  assert.equal(await statusAfter(() => {}), 503)
  assert.equal(await statusAfter(() => proxy.tell(undefined, 'strict')), 503)
  assert.equal(await statusAfter(() => proxy.tell(undefined, 'permissive')), 200)
  assert.equal(await statusAfter(() => proxy.tell(undefined, 'off')), 200)
  assert.equal(await statusAfter(() => proxy.tell(told([]), 'off')), 403)
  assert.equal(proxy.counts.unknown, 2)
})

test('a dry-run intention is counted and changes nothing', async t => {
  const app = await application(t)
  const proxy = await authorized(t, app.address)
  proxy.tell(
    told([
      { action: 'deny', dryRun: true, name: 'soon' },
      { action: 'allow', name: 'now' },
    ]),
  )
  const wire = await dial(proxy.address)
  wire.send(get('/'))
  await wire.until('fine')
  assert.deepEqual(
    [...proxy.counts.intentions],
    [
      { intention: 'now', action: 'allow', dryRun: false, requests: 1, connections: 0 },
      { intention: 'soon', action: 'deny', dryRun: true, requests: 1, connections: 0 },
    ],
  )
})

test('denials are logged at once and then counted, not written one by one', async t => {
  const app = await application(t)
  const lines: string[] = []
  const proxy = await authorized(t, app.address, { log: pino({}, { write: line => void lines.push(line) }) })
  proxy.tell(told([{ action: 'deny', name: 'closed' }]))
  const wire = await dial(proxy.address)
  for (let n = 0; n < 50; n++) wire.send(get('/'))
  await wire.until('closed', 100)
  assert.equal(lines.length, 1)
  assert.match(lines[0]!, /denied: intention .*closed.* does not let report GET \/ of expense/)
})

// ---- tokens

interface Login {
  proxy: Authorized
  app: Awaited<ReturnType<typeof application>>
  issuer: Awaited<ReturnType<typeof issuerOf>>
  /** Lets the keys come. */
  keysCome(): void
}

/** GET and POST below /a want a token of p with group staff; the keys come when the test says so. */
async function login(t: TestContext, forward: Record<string, string> = {}): Promise<Login> {
  const app = await application(t)
  const issuer = await issuerOf()
  let keysCome = () => {}
  const keys = new Promise<string>(resolve => {
    keysCome = () => resolve(issuer.jwks)
  })
  const proxy = await authorized(t, app.address, { fetchText: () => keys })
  const jwt = { p: providerOf({ jwksUrl: 'https://login.example/jwks', forward }) }
  proxy.tell(
    told(
      [
        { action: 'allow', path: '/free' },
        { action: 'allow', pathPrefix: '/a', jwt: { provider: 'p', claims: { groups: { exact: 'staff' } } } },
      ],
      jwt,
    ),
  )
  return { proxy, app, issuer, keysCome }
}

test('a token lets in, and each way in which it does not is told by status, reason and challenge (RFC 6750)', async t => {
  const { proxy, issuer, keysCome } = await login(t)
  keysCome()
  const wire = await dial(proxy.address)
  const ask = async (token: string | undefined, path = '/a') => {
    wire.clear()
    wire.send(get(path, ...(token === undefined ? [] : [`authorization: Bearer ${token}`])))
    const head = headOf(await wire.until(/HTTP\/1.1 \d+ [\s\S]*(fine|\}\n)$/))
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(head)?.[1]?.trim()
    return [Number(head.slice(9, 12)), field('x-trimtab-reason'), field('www-authenticate')]
  }
  const groups = ['staff', 'x']
  const seconds = Math.floor(Date.now() / 1000)

  assert.deepEqual(await ask(await issuer.token({ groups })), [200, undefined, undefined])
  assert.deepEqual(await ask(undefined), [401, 'token-missing', 'Bearer realm="m"'])
  assert.deepEqual(await ask(await issuer.token({ groups, exp: seconds - 60 })), [
    401,
    'token-expired',
    'Bearer realm="m", error="invalid_token", error_description="the token is expired"',
  ])
  assert.deepEqual(await ask(await issuer.token({ groups, aud: 'other' })), [
    401,
    'token-audience',
    'Bearer realm="m", error="invalid_token", error_description="the token is meant for another audience"',
  ])
  assert.deepEqual(await ask(await issuer.token({ groups: ['x'] })), [
    403,
    'token-insufficient',
    'Bearer realm="m", error="insufficient_scope", error_description="the token does not allow this"',
  ])
  assert.deepEqual(await ask(await issuer.token({ groups }), '/b'), [403, 'denied', undefined])
  assert.deepEqual(
    [...proxy.counts.tokens].map(({ outcome, tokens }) => [outcome, tokens]),
    [
      ['valid', 2],
      ['missing', 1],
      ['expired', 1],
      ['audience', 1],
    ],
  )
})

test('a body that comes while the token is verified arrives whole, also on a connection that waits for it', async t => {
  const { proxy, app, issuer, keysCome } = await login(t)
  const wire = await dial(proxy.address)
  wire.send(get('/free'))
  await wire.until('fine')
  const token = await issuer.token({ groups: 'staff' })
  wire.send(`POST /a HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: 30000\r\n\r\n`)
  for (const letter of 'abc') wire.send(letter.repeat(10_000))
  await until(
    'the whole body held',
    () => proxy.counts.waiting,
    waiting => waiting === 1,
  )

  keysCome()

  await wire.until('fine', 2)
  assert.ok(app.requests[1]!.endsWith(`\r\n\r\n${'a'.repeat(10_000)}${'b'.repeat(10_000)}${'c'.repeat(10_000)}`))
  assert.equal(proxy.outcomes[1]?.outcome.requestBytes, 30_000)
})

test('trailers that came with it arrive, too', async t => {
  const { issuer, proxy: first } = await login(t)
  const app = await origin(wire => {
    wire.socket.on('data', () => {
      if (wire.received.includes('x-sum')) wire.send(ok('fine'))
    })
  })
  t.after(() => app.close())
  let come = (_jwks: string) => {}
  const keys = new Promise<string>(resolve => {
    come = resolve
  })
  const proxy = await authorized(t, app.address, { fetchText: () => keys })
  proxy.tell(first.policy.current.intentions)
  const wire = await dial(proxy.address)
  const token = await issuer.token({ groups: 'staff' })
  wire.send(`POST /a HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ntransfer-encoding: chunked\r\n\r\n`)
  wire.send('3\r\nabc\r\n0\r\nx-sum: 9\r\n\r\n')
  await until(
    'the request held',
    () => proxy.counts.waiting,
    waiting => waiting === 1,
  )

  come(issuer.jwks)

  await wire.until('fine')
  assert.match((await app.wire(0)).received, /\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 9\r\n\r\n$/)
})

test('a client that sends on and on is not read past a bound while its token is verified, and all of it arrives after', async t => {
  const { proxy, issuer, keysCome } = await login(t)
  let received = 0
  const app = await origin(wire => {
    wire.socket.on('data', chunk => {
      received += chunk.length
      if (wire.received.length >= 8_000_000) wire.send(ok('all'))
    })
  })
  t.after(() => app.close())
  const other = await authorized(t, app.address, {
    fetchText: async () => {
      await keys
      return issuer.jwks
    },
  })
  let come = () => {}
  const keys = new Promise<void>(resolve => {
    come = resolve
  })
  other.tell(proxy.policy.current.intentions)
  keysCome()
  const wire = await dial(other.address)
  const token = await issuer.token({ groups: 'staff' })
  wire.send(`POST /a HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: 8000000\r\n\r\n`)
  wire.send(Buffer.alloc(8_000_000, 'x'))
  await until('a client that has to wait', () => other.counts.waiting === 1 && wire.socket.writableLength > 0, Boolean)
  assert.equal(received, 0)

  come()

  await wire.until('all')
  assert.ok(received > 8_000_000)
})

test('a client that leaves while its token is verified leaves nothing behind', async t => {
  const { proxy, app, issuer, keysCome } = await login(t)
  const wire = await dial(proxy.address)
  wire.send(get('/a', `authorization: Bearer ${await issuer.token({ groups: 'staff' })}`))
  await until(
    'the request held',
    () => proxy.counts.waiting,
    waiting => waiting === 1,
  )
  wire.reset()
  await until(
    'the end of the exchange',
    () => proxy.outcomes.length,
    length => length === 1,
  )
  keysCome()
  await until(
    'nobody held',
    () => proxy.counts.waiting,
    waiting => waiting === 0,
  )
  assert.equal(proxy.outcomes[0]?.outcome.failure?.flag, 'DC')
  assert.deepEqual(app.requests, [])
})

test('only so many requests wait for their tokens: the next is told to come again', async t => {
  const { proxy, issuer } = await login(t)
  const token = await issuer.token({ groups: 'staff' })
  const line = get('/a', `authorization: Bearer ${token}`)
  proxy.counts.waiting = 999
  const [last, over] = [await dial(proxy.address), await dial(proxy.address)]
  last.send(line)
  await until(
    'the last that may wait',
    () => proxy.counts.waiting,
    waiting => waiting === 1000,
  )
  over.send(line)
  assert.match(await over.until('try again'), /HTTP\/1.1 503 [\s\S]*x-trimtab-reason: overflow/)
  assert.equal(proxy.counts.waitingOverflow, 1)
})

test('intentions that change while a token is verified are the ones that decide', async t => {
  const { proxy, app, issuer, keysCome } = await login(t)
  const wire = await dial(proxy.address)
  wire.send(get('/a', `authorization: Bearer ${await issuer.token({ groups: 'staff' })}`))
  await until(
    'the request held',
    () => proxy.counts.waiting,
    waiting => waiting === 1,
  )
  proxy.tell(told([{ action: 'deny', name: 'closed' }]))
  keysCome()
  assert.match(await wire.until('closed'), /HTTP\/1.1 403/)
  assert.deepEqual(app.requests, [])
})

test('a token that was verified under other settings of its provider is judged anew', async t => {
  const { proxy, app, issuer, keysCome } = await login(t)
  const wire = await dial(proxy.address)
  wire.send(get('/a', `authorization: Bearer ${await issuer.token({ groups: 'staff' })}`))
  await until(
    'the request held',
    () => proxy.counts.waiting,
    waiting => waiting === 1,
  )
  const { rules } = proxy.policy.current.intentions!
  proxy.tell({ default: 'deny', rules, jwt: { p: providerOf({ jwks: issuer.jwks, audiences: ['others'] }) } })
  keysCome()
  assert.match(await wire.until('another audience'), /HTTP\/1.1 401/)
  assert.deepEqual(app.requests, [])
})

test('the application is told the claims of the token that let the call in, and nobody else can tell them', async t => {
  const { proxy, app, issuer, keysCome } = await login(t, { sub: 'x-user' })
  keysCome()
  const wire = await dial(proxy.address)
  const token = await issuer.token({ groups: 'staff', sub: 'ann' })
  wire.send(get('/a', `authorization: Bearer ${token}`, 'X-User: root', 'x_user: root', 'x-user: root'))
  await wire.until('fine')
  assert.deepEqual(
    app.requests[0]!.split('\r\n').filter(line => /user/i.test(line)),
    ['x-user: ann'],
  )
  proxy.tell({ ...proxy.policy.current.intentions!, rules: told([{ action: 'allow' }]).rules })
  wire.send(get('/a', `authorization: Bearer ${token}`, 'x-user: root'))
  await wire.until('fine', 2)
  assert.doesNotMatch(app.requests[1]!, /x-user/, 'nothing was verified')
})

test('in trailers nobody tells the application a claim, either, nor whose certificate it was', async t => {
  const { issuer, proxy: first } = await login(t, { sub: 'x-user' })
  const app = await origin(wire => {
    wire.socket.on('data', () => {
      if (wire.received.includes('x-sum')) wire.send(ok('fine'))
    })
  })
  t.after(() => app.close())
  const proxy = await authorized(t, app.address, { fetchText: async () => issuer.jwks })
  proxy.tell(first.policy.current.intentions)
  const wire = await dial(proxy.address)
  const token = await issuer.token({ groups: 'staff', sub: 'ann' })

  wire.send(`POST /a HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ntransfer-encoding: chunked\r\n\r\n`)
  wire.send('0\r\nx-user: root\r\nx_user: root\r\nx-forwarded-client-cert: URI=root\r\nx-sum: 9\r\n\r\n')

  await wire.until('fine')
  const { received } = await app.wire(0)
  assert.match(received, /\r\n\r\n0\r\nx-sum: 9\r\n\r\n$/)
  assert.doesNotMatch(received, /root/)
  wire.socket.destroy()
})
