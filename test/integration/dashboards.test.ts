import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { parse } from 'yaml'
import { type RunningMesh, startMesh } from '../support/mesh.ts'
import { until } from '../support/until.ts'

/** What dashboards and rules ask for must be there: a panel over a metric that nobody exposes stays empty for ever. */

interface Rule {
  record?: string
  alert?: string
  expr: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
}
interface RuleFile {
  groups: { rules: Rule[] }[]
}
interface Dashboard {
  title: string
  schemaVersion: number
  templating: { list: { definition: string }[] }
  annotations: { list: { expr: string }[] }
  panels: {
    title: string
    datasource: { uid: string }
    fieldConfig: { defaults: { unit?: string } }
    targets: { expr: string }[]
  }[]
}

const rules = globSync('dashboards/prometheus/rules/*.yml').flatMap(file =>
  (parse(readFileSync(file, 'utf8')) as RuleFile).groups.flatMap(group => group.rules),
)
const dashboards = globSync('dashboards/grafana/dashboards/*.json').map(
  file => JSON.parse(readFileSync(file, 'utf8')) as Dashboard,
)
const provisioned = parse(readFileSync('dashboards/grafana/provisioning/datasources/trimtab.yaml', 'utf8')) as {
  datasources: { uid: string }[]
}
const sources = new Set(provisioned.datasources.map(({ uid }) => uid))
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

/** Where Prometheus would look: control and the collector by name, the proxies where control says. */
async function scrapedUrls(): Promise<string[]> {
  const named = ['control', 'collector'].map(name => mesh.process(name).urls['metrics']!)
  const answer = await fetch(`${mesh.urls['control']}/v1/prometheus/targets`)
  const found = (await answer.json()) as { targets: string[] }[]
  return [...named, ...found.flatMap(({ targets }) => targets.map(target => `http://${target}/metrics`))]
}

/** Names with a value, and families: a counter with labels stands only once it has counted, its TYPE line from the start. */
async function exposed(): Promise<Set<string>> {
  const texts = await Promise.all((await scrapedUrls()).map(async url => (await fetch(url)).text()))
  const text = texts.join('\n')
  const families = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name!)
  return new Set([...families, ...(text.match(/^[a-zA-Z_:][a-zA-Z0-9_:]*(?=[{ ])/gm) ?? [])])
}

test('every metric of every dashboard and rule is exposed by a running mesh, or recorded by a rule of ours', async () => {
  const questions = dashboards.flatMap(({ panels, annotations, templating }) => [
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...annotations.list.map(({ expr }) => expr),
    ...templating.list.map(({ definition }) => definition),
  ])
  const asked = new Set([...rules.map(({ expr }) => expr), ...questions].flatMap(metricsIn))
  assert.ok(asked.size > 20)
  const missing = async () => {
    const known = new Set([...(await exposed()), ...recorded])
    return [...asked].filter(name => !known.has(name) && !known.has(name.replace(/_(bucket|sum|count)$/, '')))
  }
  await until('every metric', missing, names => names.length === 0, 15_000)
})

test('every panel has a title, a unit, a question and the data source that is provisioned', () => {
  assert.ok(dashboards.length >= 2)
  for (const { title, panels, schemaVersion } of dashboards) {
    assert.ok(schemaVersion >= 39, title)
    for (const panel of panels) {
      const where = `${title}: ${panel.title}`
      assert.ok(panel.title !== '' && panel.fieldConfig.defaults.unit, where)
      assert.ok(panel.targets.length > 0 && panel.targets.every(({ expr }) => expr !== ''), where)
      assert.ok(sources.has(panel.datasource.uid), where)
    }
  }
})

test('every alert says what happened, what to do, and how urgent it is', () => {
  const alerts = rules.filter(({ alert }) => alert !== undefined)
  assert.ok(alerts.length >= 10)
  for (const { alert, labels, annotations } of alerts) {
    assert.match(labels?.['severity'] ?? '', /^(page|ticket)$/, alert)
    assert.ok(annotations?.['summary'] && annotations['action'], alert)
  }
})
