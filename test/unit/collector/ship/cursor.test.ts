import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, it } from 'node:test'
import { highestSegment, openCursor } from '../../../../collector/ship/log/cursor.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/trimtab-cursor-`)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const at = (segment: number, offset: number) => ({ segment, offset })

it('a new cursor has no place; a saved one has it after a restart, with the batch that was under way', async () => {
  const cursor = await openCursor(directory, 'jaeger')
  assert.equal(cursor.progress, undefined)
  await cursor.save({ at: at(3, 500), until: undefined })
  await cursor.save({ at: at(3, 500), until: at(3, 900) })
  await cursor.close()
  const again = await openCursor(directory, 'jaeger')
  assert.deepEqual(again.progress, { at: at(3, 500), until: at(3, 900) })
  await again.close()
})

it('a save that was torn, at whatever byte, leaves the place before it or the new one, never another', async () => {
  const cursor = await openCursor(directory, 'jaeger')
  await cursor.save({ at: at(1, 100), until: undefined })
  const path = `${directory}/jaeger.cursor`
  const before = readFileSync(path)
  await cursor.save({ at: at(2, 200), until: undefined })
  await cursor.close()
  const after = readFileSync(path)
  for (let cut = 0; cut <= after.length; cut++) {
    // The bytes up to the cut reached the disk, the rest did not.
    writeFileSync(path, Buffer.concat([after.subarray(0, cut), before.subarray(cut)]))
    const torn = await openCursor(directory, 'jaeger')
    const place = torn.progress?.at
    await torn.close()
    assert.ok(
      (place?.segment === 1 && place.offset === 100) || (place?.segment === 2 && place.offset === 200),
      `cut at ${cut}: ${JSON.stringify(place)}`,
    )
  }
})

it('a file of garbage is a cursor without a place, and can be saved over', async () => {
  writeFileSync(`${directory}/jaeger.cursor`, Buffer.alloc(700, 7))
  const cursor = await openCursor(directory, 'jaeger')
  assert.equal(cursor.progress, undefined)
  await cursor.save({ at: at(9, 8), until: undefined })
  await cursor.close()
  const again = await openCursor(directory, 'jaeger')
  assert.deepEqual(again.progress?.at, at(9, 8))
  await again.close()
})

it('the highest segment counts every cursor, also those of shippers that are gone', async () => {
  assert.equal(await highestSegment(directory), 0)
  for (const [name, segment] of [
    ['jaeger', 4],
    ['clickhouse', 11],
  ] as const) {
    const cursor = await openCursor(directory, name)
    await cursor.save({ at: at(segment, 8), until: undefined })
    await cursor.close()
  }
  assert.equal(await highestSegment(directory), 11)
})
