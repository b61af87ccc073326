import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { stringify } from 'yaml'

/** Prometheus' own tool reads our configuration and rules. Looks for promtool on PATH or in TRIMTAB_PROMTOOL. */
const promtool = process.env['TRIMTAB_PROMTOOL'] ?? 'promtool'
const skip =
  spawnSync(promtool, ['--version']).status === 0
    ? false
    : 'promtool is not installed (apt-get install prometheus), or name it in TRIMTAB_PROMTOOL'

for (const args of [
  // The token that it names is there in the containers alone.
  ['check', 'config', '--syntax-only', 'prometheus.yml'],
  ['check', 'config', 'prometheus.local.yml'],
  ['check', 'rules', 'rules/recording.yml', 'rules/alerts.yml'],
  ['test', 'rules', 'rules-test.yml'],
]) {
  test(`promtool ${args.join(' ')} finds nothing wrong`, { skip }, () => {
    const { status, stdout, stderr } = spawnSync(promtool, args, { cwd: 'dashboards/prometheus', encoding: 'utf8' })
    assert.equal(status, 0, stdout + stderr)
  })
}

test('promtool reads every question of the Grafana dashboards', { skip }, () => {
  const questions = globSync('dashboards/grafana/dashboards/*.json').flatMap(file => {
    const { panels, annotations } = JSON.parse(readFileSync(file, 'utf8')) as Dashboard
    return [...panels.flatMap(({ targets }) => targets), ...annotations.list].map(({ expr }) => expr)
  })
  assert.ok(questions.length > 20)
  const rules = questions.map((expr, index) => ({ record: `asked:by:dashboard${index}`, expr }))
  const folder = mkdtempSync(`${tmpdir()}/trimtab-promtool-`)
  try {
    writeFileSync(`${folder}/rules.yml`, stringify({ groups: [{ name: 'dashboards', rules }] }))
    const { status, stdout, stderr } = spawnSync(promtool, ['check', 'rules', `${folder}/rules.yml`], {
      encoding: 'utf8',
    })
    assert.equal(status, 0, stdout + stderr)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

interface Dashboard {
  panels: { targets: { expr: string }[] }[]
  annotations: { list: { expr: string }[] }
}
