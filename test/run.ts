import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

/**
 * Runs the tests in one go of Node's test runner.
 *   npm test                what needs npm only: unit, contract, integration, end to end, short fuzz
 *   npm run test:all        the same and test/interop: real Prometheus, Chromium, Docker, Envoy where present
 *   npm run fuzz [-- name]  test/fuzz for long (FUZZ_RUNS, default 200,000 a property)
 * Further arguments are parts of file names to which the run is narrowed.
 */
const { values, positionals } = parseArgs({
  options: { all: { type: 'boolean' }, fuzz: { type: 'boolean' } },
  allowPositionals: true,
})

const everyday = [
  'test/*.test.ts',
  'test/unit/**/*.test.ts',
  'test/contract/**/*.test.ts',
  'test/fuzz/*.fuzz.ts',
  'test/integration/**/*.test.ts',
  'test/e2e/**/*.test.ts',
]
const patterns = values.fuzz
  ? ['test/fuzz/*.fuzz.ts']
  : values.all
    ? [...everyday, 'test/interop/**/*.test.ts']
    : everyday
const files = patterns
  .flatMap(pattern => globSync(pattern).sort())
  .filter(file => positionals.length === 0 || positionals.some(part => file.includes(part)))

if (files.length === 0) {
  console.error(`no test file matches ${positionals.join(' ')}: parts of paths below test/ are allowed`)
  process.exit(2)
}
if (!values.all && !values.fuzz) {
  console.log(
    'skipped here: test/interop, which wants more than npm (Prometheus, Chromium, Docker, Envoy). npm run test:all runs it.',
  )
}
const env = {
  // Tests start hundreds of processes: what one has compiled the next need not.
  NODE_COMPILE_CACHE: resolve('node_modules/.cache/compiled'),
  ...process.env,
  ...(values.fuzz ? { FUZZ_RUNS: process.env['FUZZ_RUNS'] ?? '200000' } : {}),
}
const timeoutMs = values.fuzz ? 3_600_000 : 180_000
const child = spawn(process.execPath, ['--test', '--test-concurrency=2', `--test-timeout=${timeoutMs}`, ...files], {
  stdio: 'inherit',
  env,
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)))
