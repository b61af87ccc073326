import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { type TestContext, test } from 'node:test'
import { nodeFlags } from '../../runtime/node-flags.ts'

/** Tells on stderr, at the end, whether Node has loaded what strips types. */
const witness = `data:text/javascript,${encodeURIComponent(`
  process.on('exit', () => console.error(process.moduleLoadList.some(name => name.includes('amaro')) ? 'stripped' : 'as it was kept'))
`)}`

function folder(t: TestContext): string {
  const made = mkdtempSync(`${tmpdir()}/trimtab-compiled-`)
  t.after(() => rmSync(made, { recursive: true }))
  return made
}

function run(script: string, args: readonly string[], env: NodeJS.ProcessEnv): string {
  const bare = { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1' }
  const command = [...nodeFlags, '--import', witness, script, ...args]
  const { status, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8', env: { ...bare, ...env } })
  assert.equal(status, 0, stderr)
  return stderr.trim()
}

const help = (env: NodeJS.ProcessEnv) => run('cli/trimtab.js', ['proxy', '--help'], env)

test('the second start of a command reads what the first one kept, in the cache folder of who runs it', t => {
  const HOME = folder(t)

  assert.equal(help({ HOME }), 'stripped')
  assert.equal(help({ HOME }), 'as it was kept')
  assert.deepEqual(readdirSync(`${HOME}/.cache`), ['trimtab'])
})

test('nothing is kept where others may write, nor where there is no home', t => {
  const XDG_CACHE_HOME = folder(t)
  chmodSync(XDG_CACHE_HOME, 0o777)

  for (const env of [{ XDG_CACHE_HOME }, {}, { HOME: `${XDG_CACHE_HOME}/missing` }]) {
    assert.equal(help(env), 'stripped')
    assert.equal(help(env), 'stripped')
  }
  assert.deepEqual(readdirSync(XDG_CACHE_HOME), [])
})

test('a folder that NODE_COMPILE_CACHE names is taken instead', t => {
  const [HOME, NODE_COMPILE_CACHE] = [folder(t), folder(t)]

  help({ HOME, NODE_COMPILE_CACHE })

  assert.equal(help({ HOME, NODE_COMPILE_CACHE }), 'as it was kept')
  assert.equal(existsSync(`${HOME}/.cache`), false)
})

test('an image that was compiled ahead strips no types when a proxy starts', t => {
  const NODE_COMPILE_CACHE = folder(t)
  run('scripts/compile-ahead.ts', [], { NODE_COMPILE_CACHE })
  help({ NODE_COMPILE_CACHE })

  // It starts wholly, and ends because its application does.
  // biome-ignore format: one flag with its value
  const alone = ['proxy', '--listen', '127.0.0.1:0', '--to', '127.0.0.1:9', '--metrics', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--log-level', 'silent', '--', 'true']
  assert.equal(run('cli/trimtab.js', alone, { NODE_COMPILE_CACHE }), 'as it was kept')
})
