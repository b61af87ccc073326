import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { afterEach, test } from 'node:test'
import type { EngineAnswer } from '../../collector/ship/clickhouse/engine-messages.ts'

const directories: string[] = []
afterEach(() => {
  for (const made of directories.splice(0)) rmSync(made, { recursive: true, force: true })
})

function isInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve('chdb')
    return true
  } catch {
    return false
  }
}

test('an engine whose directory cannot be opened says why, and ends', { skip: !isInstalled() }, async () => {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-engine-`)
  directories.push(folder)
  writeFileSync(`${folder}/file`, 'no directory')
  const path = new URL('../../collector/ship/clickhouse/engine-process.ts', import.meta.url)
  const child = fork(path, [`${folder}/file`, '536870912'], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const told: EngineAnswer[] = []
  child.on('message', (answer: EngineAnswer) => told.push(answer))
  const code = await new Promise<number | null>(resolve => child.once('exit', resolve))
  assert.equal(code, 1)
  assert.deepEqual(
    told.map(answer => answer.told),
    ['loaded', 'failed'],
  )
  const failed = told[1]
  assert.ok(failed?.told === 'failed' && failed.reason.includes(folder), JSON.stringify(failed))
})

test('an engine ends as soon as its channel does, whatever its library is at', { skip: !isInstalled() }, async () => {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-engine-`)
  directories.push(folder)
  const path = new URL('../../collector/ship/clickhouse/engine-process.ts', import.meta.url)
  const child = fork(path, [folder, '536870912'], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  await new Promise<void>(resolve => child.on('message', (answer: EngineAnswer) => answer.told === 'open' && resolve()))
  // A question that takes the engine far longer than the test may take.
  child.send({ id: 1, ask: 'query', sql: 'SELECT max(sipHash64(number)) FROM numbers(1000000000000)', parameters: {} })
  const gone = new Promise<NodeJS.Signals | null>(resolve => child.once('exit', (_code, signal) => resolve(signal)))
  child.disconnect()
  assert.equal(await gone, 'SIGKILL')
})
