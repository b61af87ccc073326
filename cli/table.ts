import { stripVTControlCharacters, styleText } from 'node:util'
import type { ServiceStatus, Status, VersionStatus } from '../control/api/status-schema.ts'
import type { Decision } from '../protocol/decision.ts'

/** The state of the mesh as a table a person reads at a glance. Pure; colours only when asked for. */
export function statusTable(status: Status, colours: boolean): string {
  const paint: Paint = (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text)
  const rows = [
    ['SERVICE', 'VERSION', 'WEIGHT', 'HOSTS', 'REQ/S', 'ERRORS', 'P99', ''],
    ...status.services.flatMap(service => serviceRows(service, paint)),
  ]
  const lines = align(rows)
  lines[0] = paint('bold', lines[0]!)
  const notes = notesOf(status, paint)
  return [...lines, '', lastDecision(status.lastDecision, paint), ...notes].join('\n')
}

type Style = 'red' | 'yellow' | 'green' | 'dim' | 'bold'
type Paint = (style: Style, text: string) => string

function serviceRows(service: ServiceStatus, paint: Paint): string[][] {
  if (service.versions.length === 0)
    return [[service.service, '-', '-', '0', '-', '-', '-', 'no instance has registered']]
  const total = service.versions.reduce((sum, { weight }) => sum + weight, 0)
  return service.versions.map((version, index) => versionRow(service, version, index === 0, total, paint))
}

function versionRow(
  service: ServiceStatus,
  version: VersionStatus,
  first: boolean,
  total: number,
  paint: Paint,
): string[] {
  const { traffic } = version
  const share = total === 0 ? 0 : (100 * version.weight) / total
  const weight = `${share.toFixed(share > 0 && share < 10 ? 1 : 0)} %`
  const hosts = service.endpoints.filter(endpoint => endpoint.version === version.version)
  const healthy = hosts.filter(endpoint => endpoint.health === 'healthy').length
  const errors = `${(100 * traffic.errorRate).toFixed(1)} %`
  return [
    first ? service.service : '',
    version.version,
    version.stage === 'full' ? weight : paint(version.stage === 'held' ? 'red' : 'yellow', weight),
    healthy === hosts.length ? String(hosts.length) : paint('red', `${healthy} of ${hosts.length}`),
    traffic.rps.toFixed(1),
    traffic.errorRate > 0.01 ? paint('red', errors) : errors,
    traffic.p99Ms === null ? '-' : `${traffic.p99Ms.toFixed(traffic.p99Ms < 10 ? 1 : 0)} ms`,
    stageNote(version, paint),
  ]
}

function stageNote(version: VersionStatus, paint: Paint): string {
  if (version.pinned) return paint('yellow', 'pinned')
  if (version.stage === 'held')
    return paint('red', version.waitMs > 0 ? `held out, ${Math.ceil(version.waitMs / 1000)} s to go` : 'held out')
  return version.stage === 'returning' ? paint('yellow', 'coming back') : ''
}

function lastDecision(decision: Decision | null, paint: Paint): string {
  return decision === null ? paint('dim', 'last decision: none yet') : `last decision: ${decisionLine(decision, paint)}`
}

/** A decision on one line: when, what, why. */
export function decisionLine(decision: Decision, paint: Paint = (_style, text) => text): string {
  const what = [decision.service, decision.version, decision.endpoint].filter(part => part !== undefined).join(' ')
  const style: Style =
    decision.action === 'restore' || decision.action === 'thaw'
      ? 'green'
      : decision.action === 'manual' || decision.action === 'config'
        ? 'dim'
        : 'red'
  return `${decision.time.slice(11, 19)} ${paint(style, decision.action)} ${what}: ${decision.reason}${decision.dryRun ? ' (dry run, nothing moved)' : ''}`
}

function notesOf(status: Status, paint: Paint): string[] {
  const notes: string[] = []
  if (status.data === 'dark') notes.push(paint('red', 'no telemetry: weights are frozen until proxies report again'))
  for (const { url, connected, problem } of status.collectors)
    if (!connected) notes.push(paint('red', `collector ${url} is away: ${problem ?? 'not connected'}`))
  for (const problem of status.config.problems)
    notes.push(paint('red', `mesh file refused, the one before stays: ${problem}`))
  const behind = status.proxies.notInStep.filter(({ state }) => state !== 'behind')
  for (const proxy of behind.slice(0, 5))
    notes.push(
      paint('yellow', `proxy ${proxy.instance} is ${proxy.state}${proxy.refusal === null ? '' : `: ${proxy.refusal}`}`),
    )
  return notes
}

/** Columns as wide as their widest cell; colour codes take no room. */
function align(rows: readonly string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => width(row[column]!))))
  return rows.map(row =>
    row
      .map((cell, column) => cell + ' '.repeat(widths[column]! - width(cell)))
      .join('  ')
      .trimEnd(),
  )
}

const width = (text: string): number => stripVTControlCharacters(text).length
