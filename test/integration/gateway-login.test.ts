import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { OidcLogin } from '../../protocol/oidc.ts'
import { createListener } from '../../proxy/accept/listener.ts'
import { answerWith } from '../../proxy/accept/proxy-answer.ts'
import { loginCounts } from '../../proxy/authorize/oidc/counts.ts'
import { createLogin } from '../../proxy/authorize/oidc/login.ts'
import { loginProvider } from '../../proxy/authorize/oidc/provider.ts'
import type { Exchange, Stage } from '../../proxy/exchange.ts'
import type { Failure } from '../../proxy/failures.ts'
import { applyLine, policyInForce } from '../../proxy/route/policy.ts'
import { createSender } from '../../proxy/send/sender.ts'
import { formatAddress } from '../../runtime/address.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { CLIENT, identityProvider, SECRET } from '../support/identity-provider.ts'
import { SERVICE, upstreamOf } from '../support/proxy-harness.ts'
import { answering, ok, origin } from '../support/proxy-sockets.ts'

/** A gateway with a login before an application that keeps what reaches it, and the provider. */
async function arrange(t: TestContext, change: Partial<OidcLogin> = {}, secret: string | null = SECRET) {
  const requests: string[] = []
  const app = await origin(
    answering(request => {
      requests.push(request)
      return ok('fine')
    }),
  )
  const clock = { ...systemClock, aheadMs: 0, wall: () => Date.now() + clock.aheadMs }
  const refuse = (exchange: Exchange, failure: Failure) => answerWith(exchange, failure, clock.now())
  const sender = createSender({ clock, random: Math.random, log: silentLog, refuse })
  sender.reconcile(new Map([[SERVICE, upstreamOf([app.address])]]))
  const next: Stage = exchange => {
    exchange.service = SERVICE
    exchange.version = 'v1'
    sender.send(exchange)
  }
  const policy = policyInForce()
  const counts = loginCounts()
  const readSecret = () =>
    secret === null ? { status: 'none' as const, reason: 'no such file' } : { status: 'ok' as const, text: secret }
  const provider = (settings: OidcLogin, text: string) => loginProvider(settings, text, clock)
  const stage = createLogin({ policy, clock, log: silentLog, counts, readSecret, provider, next, refuse })
  const listener = await createListener(
    { address: { host: '127.0.0.1', port: 0 }, direction: 'gateway' },
    { clock, log: silentLog, handler: stage },
  )
  t.after(async () => {
    sender.close()
    await listener.close(0)
    await app.close()
  })
  const publicUrl = `http://${formatAddress(listener.address)}`
  const idp = await identityProvider(t, publicUrl)
  const oidc: OidcLogin = {
    issuer: idp.issuer,
    clientId: CLIENT,
    clientSecretFile: 'secret',
    publicUrl,
    scopes: ['openid', 'email'],
    callbackPath: '/oauth2/callback',
    logoutPath: '/oauth2/logout',
    sessionMs: 3_600_000,
    cookie: 'trimtab-session',
    protect: ['/'],
    open: ['/assets'],
    forward: { email: 'x-user' },
    ...change,
  }
  const limits = { maxConnections: 1, maxPending: 1, maxRequests: 1, maxRetries: 1 }
  const app0 = { timeoutMs: 0, connectTimeoutMs: 0, idleTimeoutMs: 0, limits }
  const section = {
    mesh: 'm',
    trustDomain: 'm.mesh',
    service: 'edge',
    kind: 'gateway',
    protocol: 'http',
    app: app0,
    routes: [],
    oidc,
    mtls: 'off',
  }
  const applied = applyLine(policy.current, { epoch: 1, sections: { listener: { version: 1, value: section } } })
  assert.ok(applied.status === 'applied', JSON.stringify(applied))
  policy.replace(applied.policy)
  return { publicUrl, idp, requests, counts, clock, browser: browserOf() }
}

/** A browser: cookies by host and port, redirects one by one. */
function browserOf() {
  const jars = new Map<string, Map<string, string>>()
  const jarOf = (url: string) => {
    const { host } = new URL(url)
    const jar = jars.get(host) ?? new Map<string, string>()
    jars.set(host, jar)
    return jar
  }
  const go = async (url: string, headers: Record<string, string> = {}, method = 'GET') => {
    const jar = jarOf(url)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url, {
      method,
      redirect: 'manual',
      headers: { accept: 'text/html', ...(cookie === '' ? {} : { cookie }), ...headers },
    })
    for (const line of answer.headers.getSetCookie()) {
      const [pair = '', ...rest] = line.split(';')
      const at = pair.indexOf('=')
      const gone = rest.some(part => /^\s*max-age=0$/i.test(part)) || /expires=Thu, 01 Jan 1970/.test(line)
      if (gone) jar.delete(pair.slice(0, at))
      else jar.set(pair.slice(0, at), pair.slice(at + 1))
    }
    const location = answer.headers.get('location')
    return {
      status: answer.status,
      body: await answer.text(),
      location: location === null ? undefined : new URL(location, url).href,
      headers: answer.headers,
    }
  }
  /** Follows redirects to the end; `until` stops before a URL that begins so. */
  const follow = async (url: string, until = 'never') => {
    let at = url
    for (let step = 0; step < 20; step++) {
      const answer = await go(at)
      if (answer.location === undefined || answer.location.startsWith(until)) return { ...answer, url: at }
      at = answer.location
    }
    throw new Error(`redirected without end: ${at}`)
  }
  return { go, follow, jarOf }
}

test('a browser logs in at the provider and comes back to where it wanted to go, as whom the provider says', async t => {
  const { publicUrl, browser, requests, counts } = await arrange(t)

  const answer = await browser.follow(`${publicUrl}/trips?of=ann`)

  assert.deepEqual([answer.status, answer.body, answer.url], [200, 'fine', `${publicUrl}/trips?of=ann`])
  assert.match(requests[0]!, /^GET \/trips\?of=ann /)
  assert.match(requests[0]!, /\r\nx-user: ann@example.org\r\n/)
  assert.doesNotMatch(requests[0]!, /trimtab-session/, 'its session is the gateway’s business')
  assert.deepEqual([...browser.jarOf(publicUrl).keys()], ['trimtab-session'], 'what the login needed is gone')
  await browser.go(`${publicUrl}/again`, {
    'x-user': 'root',
    cookie: `${[...browser.jarOf(publicUrl)].map(pair => pair.join('=')).join('; ')}; mine=1`,
  })
  assert.match(requests[1]!, /\r\nx-user: ann@example.org\r\n/)
  assert.doesNotMatch(requests[1]!, /root/)
  assert.match(requests[1]!, /\r\ncookie: mine=1\r\n/)
  assert.deepEqual(counts, { begun: 1, finished: 1, failed: 0, sessions: 2, asked: 1, loggedOut: 0 })
})

test('a script without a session is told so and not led away; what is open is open, and its headers are nobody’s', async t => {
  const { publicUrl, browser, requests } = await arrange(t)
  for (const [headers, method] of [
    [{ accept: 'application/json' }, 'GET'],
    [{ accept: 'text/html' }, 'POST'],
  ] as const) {
    const answer = await browser.go(`${publicUrl}/api`, headers, method)
    assert.deepEqual(
      [answer.status, answer.headers.get('x-trimtab-reason'), answer.location],
      [401, 'login-needed', undefined],
    )
  }
  assert.equal((await browser.go(`${publicUrl}/assets/logo.png`, { 'x-user': 'root' })).status, 200)
  assert.doesNotMatch(requests[0]!, /root/)
  assert.equal((await browser.go(`${publicUrl}/assets/..%2f..%2fapi`)).status, 200, 'escaped slashes are no slashes')
  assert.equal((await browser.go(`${publicUrl}/assets/%2e%2e/api`)).status, 302)
})

test('a login that was begun by somebody else is not finished here, and none is finished twice', async t => {
  const { publicUrl, browser, requests, counts } = await arrange(t)
  const callbackUrl = `${publicUrl}/oauth2/callback`
  const { location } = await browser.follow(`${publicUrl}/`, callbackUrl)

  const victim = await browserOf().go(location!)
  assert.deepEqual([victim.status, victim.headers.get('x-trimtab-reason')], [400, 'login-unknown'])
  const other = new URL(location!)
  other.searchParams.set('state', 'x'.repeat(43))
  assert.equal((await browser.go(other.href)).status, 400)
  const wrongIssuer = new URL(location!)
  wrongIssuer.searchParams.set('iss', 'https://evil.example')
  const copy = browserOf()
  for (const [name, value] of browser.jarOf(publicUrl)) copy.jarOf(publicUrl).set(name, value)
  assert.equal((await copy.go(wrongIssuer.href)).status, 403)

  assert.equal((await browser.go(location!)).status, 302)
  assert.equal((await browser.go(location!)).status, 400, 'its cookie is gone')
  assert.deepEqual(requests, [])
  assert.equal(counts.finished, 1)
})

test('whom the provider refuses is not let in', async t => {
  const { publicUrl, idp, browser, requests } = await arrange(t)
  idp.account = undefined
  const answer = await browser.follow(`${publicUrl}/`)
  assert.deepEqual([answer.status, answer.headers.get('x-trimtab-reason')], [403, 'login-failed'])
  assert.deepEqual(requests, [])
})

test('a session ends with its time, and nobody can make or change one', async t => {
  const { publicUrl, browser, clock } = await arrange(t)
  await browser.follow(`${publicUrl}/`)
  const jar = browser.jarOf(publicUrl)
  const session = jar.get('trimtab-session')!
  const statusWith = async (value: string) => {
    jar.set('trimtab-session', value)
    return (await browser.go(`${publicUrl}/`, { accept: 'application/json' })).status
  }
  assert.equal(await statusWith(session), 200)
  const cut = session.slice(0, -2)
  for (const forged of ['', 'x', `${cut}AA`, session.replace(/^[^.]+/, ''), 'a.b.c.d.e', 'x'.repeat(20_000)])
    assert.ok([401, 431].includes(await statusWith(forged)), forged.slice(0, 20))
  const login = [...(await browser.go(`${publicUrl}/`)).headers.getSetCookie()].join()
  const sealed = /trimtab-session-login-[^=]*=([^;]+)/.exec(login)![1]!
  assert.equal(await statusWith(sealed), 401, 'a cookie for another purpose is no session')
  clock.aheadMs = 3_600_000
  assert.equal(await statusWith(session), 401)
})

test('logging out ends the session here and leads to the provider, but no other site can do it', async t => {
  const { publicUrl, idp, browser } = await arrange(t)
  await browser.follow(`${publicUrl}/`)
  assert.equal((await browser.go(`${publicUrl}/oauth2/logout`, { 'sec-fetch-site': 'cross-site' })).status, 403)
  assert.equal((await browser.go(`${publicUrl}/`)).status, 200)
  const answer = await browser.go(`${publicUrl}/oauth2/logout`)
  assert.ok(answer.location?.startsWith(`${idp.issuer}/session/end?`))
  assert.equal(new URL(answer.location!).searchParams.get('post_logout_redirect_uri'), `${publicUrl}/`)
  assert.equal((await browser.go(`${publicUrl}/`)).status, 302)
})

test('whatever a browser asks for, it comes back to this gateway', async t => {
  const { publicUrl } = await arrange(t)
  for (const path of ['//evil.example/', '/\\\\evil.example', '/.//evil.example', '/%2f%2fevil.example']) {
    const fresh = browserOf()
    const { location } = await fresh.follow(`${publicUrl}${path}`, `${publicUrl}/oauth2/callback`)
    const back = await fresh.go(location!)
    assert.equal(back.status, 302)
    assert.equal(new URL(back.location!).origin, publicUrl, path)
  }
})

test('without its secret or its provider nobody logs in, and what needs no login goes on', async t => {
  const closed = await arrange(t, {}, null)
  assert.equal((await closed.browser.go(`${closed.publicUrl}/`)).status, 503)
  assert.equal((await closed.browser.go(`${closed.publicUrl}/assets/x`)).status, 200)
  const alone = await arrange(t, { issuer: 'http://127.0.0.1:1' })
  const answer = await alone.browser.go(`${alone.publicUrl}/`)
  assert.deepEqual([answer.status, answer.headers.get('x-trimtab-reason')], [503, 'login-unavailable'])
  assert.equal((await alone.browser.go(`${alone.publicUrl}/assets/x`)).status, 200)
})
