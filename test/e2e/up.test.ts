import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { startMesh } from '../support/mesh.ts'
import { until } from '../support/until.ts'

/** How `trimtab up` ends, and how commands fail. */

const gone = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}
const trimtab = (...args: string[]) => spawnSync(process.execPath, ['cli/trimtab.ts', ...args], { encoding: 'utf8' })

test('Ctrl-C ends every process within five seconds, also when some hang', async () => {
  const mesh = await startMesh(['--rate', '5', '--clickhouse', 'off'])
  const pids = mesh.processes.map(({ pid }) => pid!)
  for (const name of ['control', 'expense-v1-3', 'proxy of report-v2-1'])
    process.kill(mesh.process(name).pid!, 'SIGSTOP')
  const startedMs = performance.now()
  assert.equal(await mesh.close(), 0)
  assert.ok(performance.now() - startedMs < 5000, 'the promise of the screen: within five seconds')
  assert.deepEqual(
    pids.filter(pid => !gone(pid)),
    [],
  )
})

test('trimtab up killed with -9 leaves nobody behind', async () => {
  const mesh = await startMesh(['--rate', '0', '--clickhouse', 'off'])
  const pids = mesh.processes.map(({ pid }) => pid!)
  process.kill(mesh.pid, 'SIGKILL')
  await until(
    'every process gone',
    () => pids.filter(pid => !gone(pid)),
    left => left.length === 0,
  )
  await mesh.close()
})

test('a second mesh in one data directory is refused', async () => {
  const data = mkdtempSync(`${tmpdir()}/trimtab-up-`)
  const child = spawn(
    process.execPath,
    ['cli/trimtab.ts', 'up', '--json', '--rate', '0', '--clickhouse', 'off', '--any-ports', '--data', data],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = new Promise(resolve => child.once('exit', resolve))
  await new Promise(resolve => child.stdout.once('data', resolve))
  const second = trimtab('up', '--json', '--data', data)
  assert.equal(second.status, 1)
  assert.match(second.stderr, /a mesh is already up/)
  child.kill('SIGTERM')
  await ended
  rmSync(data, { recursive: true, force: true })
})

test('wrong usage exits with 2 and says what is allowed', () => {
  for (const args of [
    ['nonsense'],
    ['proxy'],
    ['proxy', '--listen', '5', '--to', 'x'],
    ['scene', 'nonsense'],
    ['up', '--rate', 'x'],
    ['config', 'frobnicate'],
    ['explain', 'GET'],
  ]) {
    const { status, stderr } = trimtab(...args)
    assert.equal(status, 2, `${args.join(' ')}: ${stderr}`)
    assert.match(stderr, /allowed|needed|wants|--help/)
  }
})

test('every command explains itself', () => {
  for (const name of [
    'up',
    'proxy',
    'collector',
    'control',
    'status',
    'decisions',
    'explain',
    'config',
    'token',
    'ca',
    'audit',
    'scene',
  ]) {
    const { status, stdout } = trimtab(name, '--help')
    assert.equal(status, 0, name)
    assert.match(stdout, /Usage: [\s\S]*Examples:/, name)
  }
})

test('asking a mesh that is not there exits with 1 and says what to do', () => {
  const { status, stderr } = trimtab('status', '--control', 'http://127.0.0.1:9')
  assert.equal(status, 1)
  assert.match(stderr, /cannot be reached.*npm start/)
})
