import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'
import { formatAddress, listen } from '../../runtime/address.ts'
import { localhostCertificate } from '../support/localhost-certificate.ts'
import { type Harness, harness, upstreamOf } from '../support/proxy-harness.ts'

/** Clients that others wrote, through the proxy to an application of node:http. */

const run = promisify(execFile)
const executablePath = process.env['TRIMTAB_CHROMIUM'] ?? '/usr/bin/chromium'
const secure = localhostCertificate()
const page = `<!doctype html><title>loading</title><script>
const all = Array.from({ length: 200 }, (_, n) => fetch('/n/' + n).then(answer => answer.text()))
const posted = fetch('/echo', { method: 'POST', body: 'x'.repeat(300000) }).then(answer => answer.text())
Promise.all([posted, ...all]).then(([body, ...texts]) => {
  document.title = 'done ' + texts.filter((text, n) => text === '/n/' + n).length + ' ' + body.length
})
</script>`

const app = createServer((request, answer) => {
  if (request.url === '/') answer.setHeader('content-type', 'text/html').end(page)
  else if (request.method === 'POST') request.pipe(answer)
  else answer.end(request.url)
})
let plain: Harness
let overTls: Harness | undefined

before(async () => {
  const upstream = upstreamOf([formatAddress(await listen(app, { host: '127.0.0.1', port: 0 }))])
  plain = await harness({ upstream })
  if (secure === undefined) return
  const judge = () => ({ status: 'ok' as const, source: '', sourceId: '', clientCertificate: '' })
  const taken = { mode: 'strict' as const, tls: secure, judge, plainRefusal: 'TLS alone is taken here' }
  overTls = await harness({ upstream, listener: { direction: 'gateway', security: () => taken } })
})
after(async () => {
  await Promise.all([plain.close(), overTls?.close()])
  app.closeAllConnections()
  app.close()
})

const url = (path: string): string => `http://${formatAddress(plain.listener.address)}${path}`

function missing(command: string, feature = ''): string | false {
  const { error, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' })
  if (error !== undefined) return `${command} is not installed`
  return stdout.includes(feature) ? false : `${command} was built without ${feature}`
}

test('curl: by prior knowledge, and by an upgrade that is not taken', { skip: missing('curl', 'HTTP2') }, async () => {
  const known = await run('curl', ['-sv', '--http2-prior-knowledge', '-d', 'hello', url('/echo')])
  const upgrade = await run('curl', ['-s', '--http2', '-w', ' %{http_version}', url('/a')])

  assert.match(known.stderr, /< HTTP\/2 200/)
  assert.equal(known.stdout, 'hello')
  assert.equal(upgrade.stdout, '/a 1.1')
})

test('curl over TLS: h2 by ALPN', { skip: missing('curl', 'HTTP2') || secure === undefined }, async () => {
  const { port } = overTls!.listener.address
  const { stdout } = await run('curl', ['-sk', '-w', ' %{http_version}', `https://localhost:${port}/a`])

  assert.equal(stdout, '/a 2')
})

test('nghttp: a body with padding, and a window of its own', { skip: missing('nghttp') }, async () => {
  const file = new URL('../../package.json', import.meta.url).pathname
  const { stdout } = await run('nghttp', ['-d', file, '--padding=200', '-w', '14', '-W', '15', url('/echo')])

  assert.match(stdout, /"name": "trimtab"/)
})

for (const [clients, streams] of [
  [8, 8],
  [32, 1],
  [2, 32],
] as const)
  test(`h2load: 10,000 requests of ${clients} clients, ${streams} streams each`, {
    skip: missing('h2load'),
  }, async () => {
    const { stdout } = await run('h2load', ['-n', '10000', '-c', String(clients), '-m', String(streams), url('/a')])

    assert.match(stdout, /10000 succeeded, 0 failed, 0 errored/)
  })

const noChromium = existsSync(executablePath) ? secure === undefined && 'no openssl' : 'Chromium is not installed'
test('Chromium: a page of two hundred requests over one TLS connection', { skip: noChromium }, async () => {
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  })
  try {
    const tab = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage()
    const before = overTls!.listener.stats.cxHttp2Total
    await tab.goto(`https://localhost:${overTls!.listener.address.port}/`)
    await tab.waitForFunction('document.title.startsWith("done")')

    assert.equal(await tab.title(), 'done 200 300000')
    assert.equal(overTls!.listener.stats.cxHttp2Total - before, 1)
    assert.equal(
      overTls!.outcomes.every(({ exchange }) => exchange.request.protocol === 'HTTP/2'),
      true,
    )
  } finally {
    await browser.close()
  }
})
