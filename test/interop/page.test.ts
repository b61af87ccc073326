import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { type RunningMesh, startMesh } from '../support/mesh.ts'

const executablePath = process.env['TRIMTAB_CHROMIUM'] ?? '/usr/bin/chromium'
const skip = existsSync(executablePath)
  ? false
  : 'Chromium is not installed (apt-get install chromium), or name it in TRIMTAB_CHROMIUM'
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Waits go through locators: the page's policy forbids the evaluated strings of waitForFunction, and stays in force here. */
let mesh: RunningMesh
let browser: Browser
let page: Page
const errors: string[] = []

before(async () => {
  if (skip) return
  mesh = await startMesh(['--rate', '20', '--clickhouse', 'off'])
  browser = await chromium.launch({ executablePath, args })
  page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  page.on('console', message => message.type() === 'error' && errors.push(message.text()))
  page.on('pageerror', error => errors.push(String(error)))
  await page.goto(mesh.urls['page']!)
})
after(async () => {
  await browser?.close()
  await mesh?.close()
})

test('the page shows services as they live, and no error in the console', { skip }, async () => {
  await page.locator('#services tr').nth(3).waitFor()
  assert.match((await page.textContent('#services')) ?? '', /report.*expense/s)
  assert.match((await page.textContent('#summary')) ?? '', /7 proxies/)
  await page
    .locator('#services .number')
    .filter({ hasText: /^([2-9]|\d\d)\.\d$/ })
    .first()
    .waitFor()
  await page.locator('#endpoints tr').nth(5).waitFor()
  await page.locator('#calls tr').nth(1).waitFor()
  assert.deepEqual(errors, [])
})

test('the page shows a decision with its reason, as text whatever stands in it', { skip }, async () => {
  const reason = 'a trial <img src=x onerror="document.title=1"> of the page'
  const answer = await fetch(`${mesh.urls['control']}/v1/services/expense/weights`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ who: 'tester', reason, weights: { v2: 10 }, pin: true }),
  })
  assert.equal(answer.status, 200, await answer.text())
  await page.locator('#decisions li b', { hasText: 'manual' }).first().waitFor()
  const said = (await page.textContent('#decisions li')) ?? ''
  assert.ok(said.includes(reason), said)
  assert.match(said, /expense/)
  assert.match(said, /person:tester/)
  assert.equal(await page.locator('img').count(), 0)
  await page.locator('#services', { hasText: 'pinned' }).waitFor()
  assert.deepEqual(errors, [])
})

test('the page says that control is away while its stream is silent, and lives again by itself', { skip }, async () => {
  const pid = mesh.process('control').pid!
  process.kill(pid, 'SIGSTOP')
  try {
    await page.locator('#state.away', { hasText: 'control is away' }).waitFor()
    assert.match((await page.textContent('#services')) ?? '', /report.*expense/s)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  await page.locator('#state.good').waitFor()
})
