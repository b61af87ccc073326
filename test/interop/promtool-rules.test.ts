import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

/** Prometheus' own tool reads our configuration and rules. Looks for promtool on PATH or in TRIMTAB_PROMTOOL. */
const promtool = process.env['TRIMTAB_PROMTOOL'] ?? 'promtool'
const skip =
  spawnSync(promtool, ['--version']).status === 0
    ? false
    : 'promtool is not installed (apt-get install prometheus), or name it in TRIMTAB_PROMTOOL'

for (const args of [
  ['check', 'config', 'prometheus.yml'],
  ['check', 'config', 'prometheus.local.yml'],
  ['check', 'rules', 'rules/recording.yml', 'rules/alerts.yml'],
  ['test', 'rules', 'rules-test.yml'],
]) {
  test(`promtool ${args.join(' ')} finds nothing wrong`, { skip }, () => {
    const { status, stdout, stderr } = spawnSync(promtool, args, { cwd: 'dashboards/prometheus', encoding: 'utf8' })
    assert.equal(status, 0, stdout + stderr)
  })
}
