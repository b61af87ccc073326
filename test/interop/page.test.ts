import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { chromium } from 'playwright-core'
import { startMesh } from '../support/mesh.ts'

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

test('the page shows services as they live, and no error in the console', { skip }, async () => {
  const mesh = await startMesh(['--rate', '20', '--clickhouse', 'off'])
  const browser = await chromium.launch({ executablePath, args })
  try {
    const page = await browser.newPage()
    const errors: string[] = []
    page.on('console', message => message.type() === 'error' && errors.push(message.text()))
    page.on('pageerror', error => errors.push(String(error)))
    await page.goto(mesh.urls['page']!)
    await page.waitForFunction("document.querySelectorAll('#services tr').length >= 4")
    assert.match((await page.textContent('#services')) ?? '', /report.*expense/s)
    assert.match((await page.textContent('#state')) ?? '', /7 proxies/)
    await page.waitForFunction(
      "[...document.querySelectorAll('#services .number')].some(cell => Number(cell.textContent) > 1)",
    )
    assert.deepEqual(errors, [])
  } finally {
    await browser.close()
    await mesh.close()
  }
})
