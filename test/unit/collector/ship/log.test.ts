import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import type { LogEvents } from '../../../../collector/events-ship.ts'
import { openLog, type SegmentLog } from '../../../../collector/ship/log/log.ts'
import { logReader } from '../../../../collector/ship/log/reader.ts'
import { noItems, segmentPath } from '../../../../collector/ship/log/segments.ts'
import type { OpenFile } from '../../../../collector/ship/log/writer.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/trimtab-log-`)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const quiet: LogEvents = {
  recovered() {},
  synced() {},
  writeFailed() {},
  writesAgain() {},
  notDeleted() {},
  watch() {},
}
const openIn = (at: string, options: { segmentBytesMax?: number; diskBytesMax?: number; open?: OpenFile } = {}) =>
  openLog(
    { directory: at, segmentBytesMax: 2000, diskBytesMax: 1_000_000, numbersAbove: 0, now: () => 0, ...options },
    quiet,
  )
const item = (text: string) => [{ kind: 'span' as const, count: 1, payload: Buffer.from(`${text}\n`) }]

async function readAll(log: SegmentLog): Promise<string[]> {
  const reader = await logReader(log, undefined)
  const lines: string[] = []
  for (;;) {
    const reading = await reader.read({ items: 3, bytes: 64 })
    if (reading.status === 'none') break
    if (reading.status === 'lost') continue
    lines.push(...reading.batch.records.flatMap(({ payload }) => payload.toString().trimEnd().split('\n')))
    reader.pass(reading.batch)
  }
  await reader.close()
  return lines
}

/** Opens files whose writes, syncs and truncations do what a test wants. */
function faultyDisk(
  fault: (operation: 'write' | 'datasync' | 'truncate') => NodeJS.ErrnoException | undefined,
): OpenFile {
  const fail = (operation: Parameters<typeof fault>[0]) => {
    const error = fault(operation)
    if (error) throw error
  }
  return (async (...given: Parameters<typeof open>) => {
    const handle = await open(...given)
    return new Proxy(handle, {
      get(target, name) {
        const real = Reflect.get(target, name) as unknown
        if (typeof real !== 'function') return real
        if (name !== 'write' && name !== 'datasync' && name !== 'truncate') return real.bind(target)
        return async (...args: unknown[]) => {
          // A disk that runs full may still have taken a part.
          if (name === 'write' && fault('write')) await target.write(args[0] as Buffer, 0, 5, args[3] as number)
          fail(name)
          return (real as (...args: unknown[]) => unknown).apply(target, args)
        }
      },
    }) as FileHandle
  }) as OpenFile
}

const errno = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code })

describe('the log', () => {
  it('gives back what was appended, in order, over many segments and by small reads', async () => {
    const line = fc.string({ minLength: 1, maxLength: 300 }).map(text => JSON.stringify(text))
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 40 }), async lines => {
        const at = mkdtempSync(`${directory}/run-`)
        const log = await openIn(at)
        log.hold('reader', { segment: 0, offset: 0 })
        await Promise.all(lines.map(text => log.append(item(text))))
        assert.deepEqual(await readAll(log), lines)
        assert.equal(log.itemsAfter({ segment: 0, offset: 0 }, noItems()).span, lines.length)
        await log.close()
        const again = await openIn(at)
        assert.deepEqual(await readAll(again), lines)
        assert.equal(again.itemsAfter({ segment: 0, offset: 0 }, noItems()).span, lines.length)
        await again.close()
      }),
      { numRuns: 25 },
    )
  })

  it('cut at any byte of its last segment, opens with a beginning of what was appended and goes on', async () => {
    const lines = ['"one"', '"two, a little longer"', '"three"']
    const log = await openIn(directory, { segmentBytesMax: 100_000 })
    log.hold('reader', { segment: 0, offset: 0 })
    for (const text of lines) await log.append(item(text))
    await log.close()
    const path = segmentPath(directory, 1)
    const handle = await open(path)
    const whole = await handle.readFile()
    await handle.close()
    for (let cut = 0; cut <= whole.length; cut++) {
      const at = mkdtempSync(`${directory}/cut-`)
      writeFileSync(segmentPath(at, 1), whole.subarray(0, cut))
      const opened = await openIn(at)
      opened.hold('reader', { segment: 0, offset: 0 })
      await opened.append(item('"later"'))
      const read = await readAll(opened)
      assert.equal(read.pop(), '"later"', `cut at ${cut}`)
      assert.deepEqual(read, lines.slice(0, read.length), `cut at ${cut}`)
      await opened.close()
    }
  })

  it('what is spoiled in the middle of a sealed segment is told as lost, and the segments after it are read', async () => {
    const log = await openIn(directory, { segmentBytesMax: 200 })
    log.hold('reader', { segment: 0, offset: 0 })
    for (let index = 0; index < 8; index++) await log.append(item(`"${'x'.repeat(60)}${index}"`))
    const handle = await open(segmentPath(directory, 1), 'r+')
    await handle.write(Buffer.from('!'), 0, 1, 60)
    await handle.close()
    const reader = await logReader(log, undefined)
    const lost = await reader.read({ items: 100, bytes: 10_000 })
    assert.ok(lost.status === 'lost')
    const first = log.readable(1)!.items.span
    assert.equal(lost.items.span, first)
    const next = await reader.read({ items: 100, bytes: 10_000 })
    assert.ok(next.status === 'batch' && next.batch.from.segment === 2)
    await reader.close()
    await log.close()
  })

  it('numbers new segments above every place that a reader may remember', async () => {
    const log = await openLog(
      { directory, segmentBytesMax: 2000, diskBytesMax: 1_000_000, numbersAbove: 41, now: () => 0 },
      quiet,
    )
    await log.append(item('"a"'))
    await log.close()
    assert.deepEqual(
      readdirSync(directory).filter(name => name.endsWith('.segment')),
      ['000000000042.segment'],
    )
  })
})

describe('a disk that refuses', () => {
  it('full: nothing is acknowledged, nothing half written is ever read, and it is taken again when there is room', async () => {
    let full = false
    const log = await openIn(directory, { open: faultyDisk(() => (full ? errno('ENOSPC') : undefined)) })
    log.hold('reader', { segment: 0, offset: 0 })
    assert.equal((await log.append(item('"before"'))).status, 'durable')
    full = true
    const refused = await log.append(item('"lost on purpose"'))
    assert.ok(refused.status === 'full' && /ENOSPC/.test(refused.reason))
    assert.equal(log.state().ok, false)
    await log.probe()
    assert.equal(log.state().ok, false)
    full = false
    await log.probe()
    assert.equal(log.state().ok, true, 'found out without anybody sending anything')
    assert.equal((await log.append(item('"after"'))).status, 'durable')
    assert.deepEqual(
      (await readAll(log)).filter(line => line !== ''),
      ['"before"', '"after"'],
    )
    await log.close()
    const again = await openIn(directory)
    assert.deepEqual(
      (await readAll(again)).filter(line => line !== ''),
      ['"before"', '"after"'],
    )
    await again.close()
  })

  it('a sync that fails acknowledges nothing, and what was behind it is cut off', async () => {
    let failing = false
    const disk = faultyDisk(operation => (failing && operation === 'datasync' ? errno('EIO') : undefined))
    const log = await openIn(directory, { open: disk })
    log.hold('reader', { segment: 0, offset: 0 })
    await log.append(item('"before"'))
    failing = true
    assert.equal((await log.append(item('"never"'))).status, 'failed')
    failing = false
    await log.append(item('"after"'))
    assert.deepEqual(await readAll(log), ['"before"', '"after"'])
    await log.close()
  })

  it('a segment that cannot be cut back is left as it was at its last sync, and another is begun', async () => {
    let failing = false
    const disk = faultyDisk(operation => (failing && operation !== 'write' ? errno('EIO') : undefined))
    const log = await openIn(directory, { open: disk })
    log.hold('reader', { segment: 0, offset: 0 })
    await log.append(item('"before"'))
    failing = true
    assert.equal((await log.append(item('"never"'))).status, 'failed')
    failing = false
    await log.append(item('"after"'))
    assert.deepEqual(await readAll(log), ['"before"', '"after"'])
    assert.equal(log.segmentAfter(1), 2)
    await log.close()
  })
})
