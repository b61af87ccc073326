import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium } from 'playwright-core'
import { place, startControl } from '../integration/control-harness.ts'

const executablePath = process.env['TRIMTAB_CHROMIUM'] ?? '/usr/bin/chromium'
const skip = existsSync(executablePath)
  ? false
  : 'Chromium is not installed (apt-get install chromium), or name it in TRIMTAB_CHROMIUM'

test('where the doors are shut the page asks for a token, says why one is not taken, and keeps it for the tab', {
  skip,
  timeout: 120_000,
}, async t => {
  // arrange
  const at = place(t)
  const control = await startControl(t, at, [], { doors: 'tokens' })
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  })
  t.after(() => browser.close())
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  // act: nothing is shown without one
  await page.goto(control.base)
  await page.locator('#login').waitFor()
  assert.equal(await page.textContent('#mesh'), '')
  // a wrong one
  await page.fill('#token', 'wrong')
  await page.click('#login button')
  await page.locator('#login-why', { hasText: 'Not let in' }).waitFor()
  // the right one
  await page.fill('#token', readFileSync(join(at.data, 'admin-token'), 'utf8'))
  await page.click('#login button')
  await page.locator('#mesh', { hasText: 'demo' }).waitFor()
  await page.locator('#login').waitFor({ state: 'hidden' })
  // and once is enough
  await page.reload()
  await page.locator('#mesh', { hasText: 'demo' }).waitFor()
  assert.ok(await page.locator('#login').isHidden())
  assert.ok(!page.url().includes('token'))
})
