import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { addressOption, numberOption, readCommandLine, urlOption } from '../../../../demo/app/command-line.ts'

function read(argv: string[]) {
  const command = new Command('probe')
    .addOption(addressOption('--listen <address>', 'where', 'DEMO_TEST_LISTEN', { host: '127.0.0.1', port: 1 }))
    .addOption(urlOption('--zipkin <url>', 'spans', 'DEMO_TEST_ZIPKIN'))
    .addOption(numberOption('--rate <n>', 'rate', 'DEMO_TEST_RATE', { min: 0, max: 10, integer: true }))
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
  return readCommandLine<{ listen: { port: number }; rate?: number; zipkin?: string }>(command, argv)
}

test('help ends with 0 and wrong usage with 2', () => {
  assert.deepEqual(read(['--help']), { status: 'exit', exitCode: 0 })
  for (const argv of [['--listen', 'x'], ['--nope'], ['extra'], ['--rate', '11'], ['--rate', '1.5'], ['--rate', ' ']]) {
    assert.deepEqual(read(argv), { status: 'exit', exitCode: 2 }, argv.join(' '))
  }
  assert.deepEqual(read(['--zipkin', 'ftp://a']), { status: 'exit', exitCode: 2 })
})

test('a flag wins over the environment, and the environment over the standard', t => {
  const port = (argv: string[]) => {
    const line = read(argv)
    return line.status === 'read' ? line.options.listen.port : undefined
  }
  assert.equal(port([]), 1)
  process.env['DEMO_TEST_LISTEN'] = '127.0.0.1:2'
  t.after(() => delete process.env['DEMO_TEST_LISTEN'])
  assert.equal(port([]), 2)
  assert.equal(port(['--listen', '127.0.0.1:3']), 3)
})
