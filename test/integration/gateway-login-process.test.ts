import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { CLIENT, identityProvider, SECRET } from '../support/identity-provider.ts'

const limits = { maxConnections: 1, maxPending: 1, maxRequests: 1, maxRetries: 1 }

/** A gateway as a process of its own, whose snapshot and secret are files. */
async function gateway(t: TestContext, mode: number) {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-login-`)
  const idp = await identityProvider(t, 'http://127.0.0.1:1')
  const secretFile = `${folder}/secret`
  writeFileSync(secretFile, `${SECRET}\n`)
  chmodSync(secretFile, mode)
  const value = {
    mesh: 'm',
    trustDomain: 'm.mesh',
    service: 'edge',
    kind: 'gateway',
    protocol: 'http',
    app: { timeoutMs: 0, connectTimeoutMs: 0, idleTimeoutMs: 0, limits },
    routes: [],
    mtls: 'off',
    oidc: {
      issuer: idp.issuer,
      clientId: CLIENT,
      clientSecretFile: secretFile,
      publicUrl: 'http://127.0.0.1:1',
      scopes: ['openid'],
      callbackPath: '/oauth2/callback',
      logoutPath: '/oauth2/logout',
      sessionMs: 60_000,
      cookie: 's',
      protect: ['/'],
      open: ['/open'],
      forward: {},
    },
  }
  writeFileSync(`${folder}/snapshot.json`, JSON.stringify({ epoch: 1, sections: { listener: { version: 1, value } } }))
  const free = ['listen', 'metrics', 'admin'].flatMap(name => [`--${name}`, '127.0.0.1:0'])
  const child = spawn(
    process.execPath,
    [
      'cli/trimtab.ts',
      'proxy',
      '--gateway',
      'edge',
      '--app-metrics',
      'none',
      '--snapshot',
      `${folder}/snapshot.json`,
      ...free,
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const ended = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true })
  })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const { addresses } = JSON.parse(line) as { addresses: Record<string, string> }
  const ask = (path: string) =>
    fetch(`http://${addresses['gateway']}${path}`, { redirect: 'manual', headers: { accept: 'text/html' } })
  return { idp, ask, admin: addresses['admin']! }
}

test('a gateway leads to the provider that its snapshot names, and counts it', async t => {
  const { idp, ask, admin } = await gateway(t, 0o600)
  const answer = await ask('/page')
  const location = new URL(answer.headers.get('location')!)
  assert.deepEqual([answer.status, location.origin], [302, idp.issuer])
  assert.equal(location.searchParams.get('code_challenge_method'), 'S256')
  assert.equal(location.searchParams.get('redirect_uri'), 'http://127.0.0.1:1/oauth2/callback')
  assert.equal((await ask('/open')).status, 404, 'no route, and no login asked for')
  const stats = await (await fetch(`http://${admin}/stats?filter=trimtab_login`)).text()
  assert.match(stats, /trimtab_login_total\{step="begun"\}: 1\n/)
  assert.doesNotMatch(await (await fetch(`http://${admin}/config_dump`)).text(), new RegExp(SECRET))
})

test('a secret that everybody on the machine may read is not used', async t => {
  const { ask } = await gateway(t, 0o644)
  const answer = await ask('/page')
  assert.deepEqual([answer.status, answer.headers.get('x-trimtab-reason')], [503, 'login-unavailable'])
})
