import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { until } from '../support/until.ts'

const proxy = 'proxy --listen 127.0.0.1:0 --to 127.0.0.1:9 --metrics 127.0.0.1:0 --admin 127.0.0.1:0'

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('A program that npm runs ends when npm is ended, whose shell passes no signal on.', {
  timeout: 30_000,
}, async t => {
  // As npm does it: a shell between, here one that tells the pid.
  const script = `"${process.execPath}" cli/trimtab.ts ${proxy} & echo pid $!; wait`
  const shell = spawn('/bin/sh', ['-c', script], {
    env: { ...process.env, npm_command: 'exec' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  t.after(() => shell.kill('SIGKILL'))
  let pid = 0
  t.after(() => pid > 0 && isAlive(pid) && process.kill(pid, 'SIGKILL'))
  for await (const line of createInterface({ input: shell.stdout })) {
    if (line.startsWith('pid ')) pid = Number(line.slice(4))
    if (line.includes('"ready"')) break
  }
  assert.ok(isAlive(pid))
  shell.kill('SIGTERM')
  await once(shell, 'exit')
  await until(
    'its end',
    () => isAlive(pid),
    alive => !alive,
  )
})
