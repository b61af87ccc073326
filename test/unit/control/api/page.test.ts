import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pageRoutes } from '../../../../control/api/page.ts'
import { createApiServer } from '../../../../control/api/server.ts'

function arrange(t: TestContext, files: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'trimtab-page-'))
  const web = join(folder, 'web')
  mkdirSync(web)
  writeFileSync(join(folder, 'secret.html'), 'secret')
  for (const [name, text] of Object.entries(files)) writeFileSync(join(web, name), text)
  t.after(() => rmSync(folder, { recursive: true }))
  const app = createApiServer('0.0.0', assert.fail)
  pageRoutes(app, web)
  return { app, web }
}

test('the page is served at / and its parts by their names, each with its type', async t => {
  const { app } = arrange(t, { 'index.html': '<p>', 'page.js': '1', 'page.css': 'p {}' })
  for (const [path, type] of [
    ['/', /^text\/html/],
    ['/page.js', /^text\/javascript/],
    ['/page.css', /^text\/css/],
  ] as const) {
    const answer = await app.inject(path)
    assert.equal(answer.statusCode, 200)
    assert.match(String(answer.headers['content-type']), type)
  }
})

test('no path leads out of the folder, and only what lay there at the start is served', async t => {
  const { app, web } = arrange(t, { 'index.html': '<p>', 'notes.txt': 'not for the page' })
  writeFileSync(join(web, 'later.js'), '1')
  for (const path of ['/../secret.html', '/..%2fsecret.html', '/%2e%2e/secret.html', '/notes.txt', '/later.js'])
    assert.equal((await app.inject(path)).statusCode, 404, path)
})

test('without a page the answer says what to ask instead', async t => {
  const { app } = arrange(t, {})
  const answer = await app.inject('/')
  assert.equal(answer.statusCode, 404)
  assert.match(answer.body, /\/v1\/status/)
})
