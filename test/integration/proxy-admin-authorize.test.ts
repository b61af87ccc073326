import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { upstreamOf } from '../support/proxy-harness.ts'
import { issuerOf, providerOf } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const limits = { maxConnections: 10, maxPending: 10, maxRequests: 10, maxRetries: 1 }
const identity = {
  trustDomain: 'm.mesh',
  dc: 'dc1',
  spiffeId: 'spiffe://m.mesh/ns/default/dc/dc1/svc/expense',
  roots: [],
  issuer: '0'.repeat(64),
}
const listener = (mtls: string) => ({
  mesh: 'm',
  trustDomain: 'm.mesh',
  service: 'expense',
  kind: 'sidecar',
  protocol: 'http',
  app: { timeoutMs: 1000, connectTimeoutMs: 1000, idleTimeoutMs: 1000, limits },
  routes: [],
  mtls,
})
const rule = (name: string, action: string, more: object) => ({ name, action, dryRun: false, precedence: 9, ...more })

/** A sidecar of expense as a process of its own, with a snapshot from a file. */
async function sidecar(t: TestContext, intentions: object, mtls = 'strict') {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-admin-`)
  const sections = Object.fromEntries(
    Object.entries({ listener: listener(mtls), identity, intentions, 'upstream/expense': upstreamOf([]) }).map(
      ([name, value]) => [name, { version: 1, value }],
    ),
  )
  writeFileSync(`${folder}/snapshot.json`, JSON.stringify({ epoch: 7, sections }))
  const free = ['inbound', 'outbound', 'metrics', 'admin'].flatMap(name => [`--${name}`, '127.0.0.1:0'])
  const args = [
    'cli/trimtab.ts',
    'proxy',
    '--service',
    'expense',
    '--version',
    'v1',
    '--app',
    '127.0.0.1:1',
    '--app-metrics',
    'none',
    '--snapshot',
    `${folder}/snapshot.json`,
    ...free,
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true })
  })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const { addresses } = JSON.parse(line) as { addresses: Record<string, string> }
  const admin = async (path: string) => (await fetch(`http://${addresses['admin']}${path}`)).text()
  const explain = async (query: Record<string, string>) =>
    JSON.parse(await admin(`/explain?${new URLSearchParams(query)}`)) as Record<string, unknown>
  return { addresses, admin, explain }
}

test('the admin of a sidecar tells what its intentions say of a call, and shows them in /config_dump and /metrics', async t => {
  const issuer = await issuerOf()
  const proxy = await sidecar(t, {
    default: 'deny',
    rules: [
      rule('admins', 'allow', {
        source: { any: true },
        path: '/admin',
        jwt: { provider: 'p', claims: { g: { exact: 'a' } } },
      }),
      rule('soon', 'deny', { source: { any: true }, dryRun: true, pathPrefix: '/' }),
      rule('readers', 'allow', { source: { services: ['report'] }, methods: ['GET'] }),
      rule('partner', 'allow', { source: { spiffe: 'spiffe://m.mesh/ns/default/dc/dc1/svc/pa*' } }),
    ],
    jwt: { p: providerOf({ jwks: issuer.jwks }) },
  })
  const say = async (query: Record<string, string>) => {
    const { verdict, intention, httpStatus, dryRun } = await proxy.explain({ url: '/api', source: 'report', ...query })
    return [verdict, intention, httpStatus, dryRun]
  }

  assert.deepEqual(await say({}), ['allow', 'readers', 200, ['soon']])
  assert.deepEqual(await say({ method: 'DELETE' }), ['deny', 'default', 403, ['soon']])
  assert.deepEqual(await say({ source: '' }), ['deny', 'default', 403, ['soon']])
  assert.deepEqual(await say({ source: 'partner', method: 'DELETE' }), ['allow', 'partner', 200, ['soon']])
  assert.deepEqual(await say({ source: 'web', url: '/admin' }), ['deny', 'default', 401, ['soon']])
  assert.deepEqual(await say({ source: 'web', url: '/admin', claims: '{"g":"a"}' }), ['allow', 'admins', 200, []])
  assert.deepEqual(await say({ source: 'web', url: '/admin', claims: '{"p":{"g":"b"}}' }), [
    'deny',
    'default',
    403,
    ['soon'],
  ])
  const header = `authorization: Bearer ${await issuer.token({ g: 'a' })}`
  assert.deepEqual(await say({ source: 'web', url: '/admin', header }), ['allow', 'admins', 200, []])
  assert.match(await proxy.admin('/explain?url=/&source=x&claims=[]'), /^claims: not an object/)

  assert.match(await proxy.admin('/config_dump'), /"consul-intentions-layer7-0"/)
  assert.match(await proxy.admin('/stats/prometheus'), /envoy_http_rbac_denied\{/)
  await until(
    'the keys',
    () => proxy.admin('/ready'),
    text => /jwt p: ok, 1 keys/.test(text),
  )
})

test('with mTLS off explain knows, as traffic does, that nobody shows who he is', async t => {
  const rules = [rule('readers', 'allow', { source: { services: ['report'] } })]
  const proxy = await sidecar(t, { default: 'deny', rules, jwt: {} }, 'off')
  const { verdict, source } = await proxy.explain({ url: '/', source: 'report' })
  assert.deepEqual([verdict, source], ['deny', ''])
  const answer = await fetch(`http://${proxy.addresses['inbound']}/`)
  assert.deepEqual([answer.status, answer.headers.get('x-trimtab-reason')], [403, 'denied'])
})
