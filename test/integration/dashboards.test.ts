import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { parse } from 'yaml'
import { type RunningMesh, startMesh } from '../support/mesh.ts'
import { until } from '../support/until.ts'

/** What dashboards and rules ask for must be there: a panel over a metric that nobody exposes stays empty for ever. */

interface RuleFile {
  groups: { rules: { record?: string; alert?: string; expr: string }[] }[]
}
interface Dashboard {
  title: string
  panels: { title: string; fieldConfig: { defaults: { unit?: string } }; targets: { expr: string }[] }[]
}

const rules = globSync('dashboards/prometheus/rules/*.yml').flatMap(file =>
  (parse(readFileSync(file, 'utf8')) as RuleFile).groups.flatMap(group => group.rules),
)
const dashboards = globSync('dashboards/grafana/dashboards/*.json').map(
  file => JSON.parse(readFileSync(file, 'utf8')) as Dashboard,
)
const recorded = new Set(rules.flatMap(({ record }) => record ?? []))
/** Matchers in braces and groupings behind `by` name labels, not metrics. */
const metricsIn = (expression: string): string[] => {
  const withoutLabels = expression.replace(/\{[^}]*\}|\bby \([^)]*\)/g, '')
  return withoutLabels.match(/\b(?:envoy|trimtab|http|process)[a-z0-9_:]+\b/g) ?? []
}

let mesh: RunningMesh
before(async () => {
  mesh = await startMesh(['--rate', '20', '--clickhouse', 'off'])
})
after(async () => {
  await mesh?.close()
})

async function exposed(): Promise<Set<string>> {
  const urls = mesh.processes.flatMap(({ kind, urls }) => (kind === 'app' || kind === 'load' ? [] : [urls['metrics']!]))
  const texts = await Promise.all(urls.map(async url => (await fetch(url)).text()))
  return new Set(texts.join('\n').match(/^[a-zA-Z_:][a-zA-Z0-9_:]*(?=[{ ])/gm))
}

/** A counter with labels stands only once it has counted: its family is told by its TYPE line. */
async function families(): Promise<Set<string>> {
  const urls = mesh.processes.flatMap(({ kind, urls }) => (kind === 'app' || kind === 'load' ? [] : [urls['metrics']!]))
  const texts = await Promise.all(urls.map(async url => (await fetch(url)).text()))
  return new Set([...texts.join('\n').matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name!))
}

test('every metric of every dashboard and rule is exposed by a running mesh, or recorded by a rule of ours', async () => {
  const asked = new Set(
    [
      ...rules.map(({ expr }) => expr),
      ...dashboards.flatMap(({ panels }) => panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))),
    ].flatMap(metricsIn),
  )
  assert.ok(asked.size > 20)
  const missing = async () => {
    const known = new Set([...(await exposed()), ...(await families()), ...recorded])
    return [...asked].filter(name => !known.has(name) && !known.has(name.replace(/_(bucket|sum|count)$/, '')))
  }
  await until('every metric', missing, names => names.length === 0, 15_000)
})

test('every panel has a title, a unit and a question', () => {
  for (const { title, panels } of dashboards)
    for (const panel of panels)
      assert.ok(
        panel.title !== '' && panel.fieldConfig.defaults.unit && panel.targets.every(({ expr }) => expr !== ''),
        `${title}: ${panel.title}`,
      )
})
