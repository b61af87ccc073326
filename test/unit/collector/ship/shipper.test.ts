import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, test } from 'node:test'
import { Registry } from 'prom-client'
import { shipEvents } from '../../../../collector/events-ship.ts'
import { metricsIn } from '../../../../collector/metrics.ts'
import type { Destination, Shipped } from '../../../../collector/ship/destination.ts'
import { linesOf } from '../../../../collector/ship/destination.ts'
import { startShipping } from '../../../../collector/ship/shipping.ts'
import { systemClock } from '../../../../runtime/clock.ts'
import { silentLog } from '../../../../runtime/log.ts'
import { until } from '../../../support/until.ts'

/** The log on a real disk, with a destination that does what a test wants. */

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/trimtab-log-`)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function destination(answer: () => Shipped = () => ({ status: 'shipped', refused: [] })) {
  const got: string[] = []
  const made: Destination = {
    name: 'sink',
    signals: ['span'],
    batchItemsMax: 10,
    batchBytesMax: 1024 * 1024,
    lingerMs: 0,
    dedupes: false,
    async ship({ records }) {
      const answered = answer()
      if (answered.status === 'shipped') got.push(...records.flatMap(({ payload }) => linesOf(payload)))
      return answered
    },
    close: async () => {},
  }
  return { made, got }
}

const open = (sink: Destination, diskBytesMax = 1024 * 1024) =>
  startShipping({
    directory,
    segmentBytesMax: 4096,
    diskBytesMax,
    destinations: [sink],
    clock: systemClock,
    random: () => 0.01,
    events: shipEvents(metricsIn(new Registry()), silentLog),
    quarantine: () => {},
  })
const span = (text: string) => [{ kind: 'span' as const, count: 1, payload: Buffer.from(`${text}\n`) }]
const segments = () => readdirSync(`${directory}/log`).filter(file => statSync(`${directory}/log/${file}`).size > 8)

test('everything acknowledged reaches the destination, in order, however often it fails', async () => {
  let tries = 0
  const { made, got } = destination(() =>
    ++tries % 3 === 0 ? { status: 'shipped', refused: [] } : { status: 'retry', reason: 'not now' },
  )
  const shipping = await open(made)
  const lines = Array.from({ length: 50 }, (_, index) => `"span ${index}"`)
  for (const line of lines) assert.equal((await shipping.append(span(line))).status, 'durable')
  await until(
    'all shipped',
    () => got.length,
    count => count >= 50,
  )
  assert.deepEqual(got, lines)
  await shipping.close(1000)
})

test('what was acknowledged while the destination was away goes out after a restart', async () => {
  const away = destination(() => ({ status: 'retry', reason: 'away' }))
  const before = await open(away.made)
  for (let index = 0; index < 20; index++) await before.append(span(`"${index}"`))
  await before.close(0)
  const { made, got } = destination()
  const after = await open(made)
  await until(
    'all shipped',
    () => got.length,
    count => count >= 20,
  )
  assert.deepEqual(
    got,
    Array.from({ length: 20 }, (_, index) => `"${index}"`),
  )
  await after.close(1000)
})

test('a torn tail is cut at the last good record, and what comes later is kept', async () => {
  const away = destination(() => ({ status: 'retry', reason: 'away' }))
  const before = await open(away.made)
  await before.append(span('"good"'))
  await before.close(0)
  const [file] = segments()
  appendFileSync(`${directory}/log/${file}`, Buffer.from([1, 2, 3, 4, 5]))
  const { made, got } = destination()
  const after = await open(made)
  await after.append(span('"later"'))
  await until(
    'both shipped',
    () => got.length,
    count => count >= 2,
  )
  assert.deepEqual(got, ['"good"', '"later"'])
  await after.close(1000)
})

test('a record that lost its end was never acknowledged: it is left out, the ones before it stand', async () => {
  const away = destination(() => ({ status: 'retry', reason: 'away' }))
  const before = await open(away.made)
  await before.append(span('"first"'))
  await before.append(span('"second"'))
  await before.close(0)
  const path = `${directory}/log/${segments()[0]}`
  truncateSync(path, statSync(path).size - 3)
  const { made, got } = destination()
  const after = await open(made)
  await until(
    'the first shipped',
    () => got.length,
    count => count >= 1,
  )
  assert.deepEqual(got, ['"first"'])
  await after.close(1000)
})

test('a log at its limit refuses with a reason, and takes again once the destination has caught up', async () => {
  let well = false
  const { made, got } = destination(() =>
    well ? { status: 'shipped', refused: [] } : { status: 'retry', reason: 'away' },
  )
  const shipping = await open(made, 64 * 1024)
  const line = `"${'x'.repeat(2000)}"`
  let taken = 0
  for (; taken < 100; taken++) if ((await shipping.append(span(line))).status !== 'durable') break
  assert.ok(taken > 5 && taken < 40, `${taken} were taken`)
  assert.equal(shipping.checks()['log']?.ok, false)
  well = true
  await until(
    'room again',
    () => shipping.append(span('"small"')),
    ({ status }) => status === 'durable',
  )
  await until(
    'all shipped',
    () => got.length,
    count => count >= taken + 1,
  )
  await shipping.close(1000)
})

test('segments that every shipper has passed are deleted', async () => {
  const { made, got } = destination()
  const shipping = await open(made)
  for (let index = 0; index < 30; index++) await shipping.append(span(`"${'y'.repeat(1000)}${index}"`))
  await until(
    'all shipped',
    () => got.length,
    count => count >= 30,
  )
  await until(
    'old segments gone',
    () => segments().length,
    count => count <= 2,
  )
  await shipping.close(1000)
})
