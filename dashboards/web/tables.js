// Rows of the page's tables, made of control's status document (control/api/status-schema.ts tells its fields).
import { bar, cell, duration, link, make, number, percent, small } from './elements.js'

const ERROR_RATE_BAD = 0.01
const BUDGET_LOW = 0.25

const rate = traffic => number(traffic.rps.toFixed(1))
const errors = traffic =>
  number(traffic.requests === 0 ? '–' : percent(traffic.errorRate, 1), traffic.errorRate > ERROR_RATE_BAD ? 'bad' : '')
const latency = ms => number(ms === null ? '–' : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`)

export const serviceRows = status =>
  status.services.flatMap(service =>
    service.versions.map((version, index) => versionRow(service, version, index === 0)),
  )

function versionRow(service, version, first) {
  const { traffic } = version
  return make('tr', [
    cell(first ? [make('b', service.service), ...serviceRemarks(service)] : ''),
    cell(version.version),
    weightCell(service, version, 'weight', version.weight < version.configured ? 'lowered' : ''),
    weightCell(service, version, 'configured', 'asked'),
    rate(traffic),
    errors(traffic),
    latency(traffic.p50Ms),
    latency(traffic.p99Ms),
    judgedCell(version),
  ])
}

const dataRemarks = { traffic: [], idle: ['nobody asks'], dark: ['no telemetry'] }

function serviceRemarks({ data, shift, outside }) {
  const remarks = [
    ...dataRemarks[data],
    ...(shift === 'automatic' ? [] : [`shift ${shift}`]),
    ...(outside ? ['outside'] : []),
  ]
  return remarks.length === 0 ? [] : [small(remarks.join(', '), data === 'dark' ? 'bad' : 'faint')]
}

/** A weight is a part of its service's sum; the bar shows the share. */
function weightCell({ versions }, version, which, className) {
  const total = versions.reduce((sum, one) => sum + one[which], 0)
  const share = total === 0 ? 0 : version[which] / total
  return cell([bar(share, percent(share, share > 0 && share < 0.1 ? 1 : 0), className)])
}

const stages = {
  full: ({ verdict }) => [verdict, { healthy: 'good', breached: 'bad', inconclusive: 'faint' }[verdict]],
  held: ({ waitMs }) => [waitMs > 0 ? `held out, ${duration(waitMs)} more` : 'held out', 'bad'],
  returning: ({ waitMs }) => [waitMs > 0 ? `coming back, next step in ${duration(waitMs)}` : 'coming back', 'warn'],
}

function judgedCell(version) {
  const [text, colour] = stages[version.stage](version)
  const told = [make('span', version.pinned ? `${text}, pinned` : text, version.pinned ? 'warn' : colour)]
  if (version.stage !== 'full' || version.verdict !== 'healthy') told.push(small(version.reason, 'faint'))
  const judged = cell(told, 'judged')
  judged.title = version.reason
  return judged
}

export const endpointRows = status =>
  status.services.flatMap(({ service, endpoints }) => endpoints.map(endpoint => endpointRow(service, endpoint)))

function endpointRow(service, endpoint) {
  const { health, manual, waitMs, connected, fusedBy, knownBy } = endpoint
  const told = [
    health,
    ...(manual ? ['by a person'] : []),
    ...(health === 'ejected' && waitMs > 0 ? [`${duration(waitMs)} more`] : []),
    ...(connected ? [] : ['its proxy is away']),
  ]
  const colour = health === 'ejected' ? 'bad' : health === 'healthy' && connected ? 'good' : 'warn'
  return make('tr', [
    cell([make('span', endpoint.id), make('small', ` ${endpoint.address}`, 'inline')]),
    cell(`${service} ${endpoint.version}`),
    cell(told.join(', '), colour),
    number(`${fusedBy} of ${knownBy}`, fusedBy > 0 ? 'warn' : ''),
    number(`${endpoint.errors} of ${endpoint.requests}`, endpoint.errors > 0 ? 'bad' : ''),
  ])
}

export const callRows = status =>
  status.calls
    .toSorted((one, other) => `${one.source} ${one.upstream}`.localeCompare(`${other.source} ${other.upstream}`))
    .map(({ source, upstream, traffic }) =>
      make('tr', [cell(source), cell(upstream), rate(traffic), errors(traffic), latency(traffic.p99Ms)]),
    )

export const sloRows = status =>
  status.services.flatMap(({ service, slo }) => slo.map(objective => sloRow(service, objective)))

function sloRow(service, { kind, target, budgetLeft, exhaustedInMs, burn, alert }) {
  const low = budgetLeft < BUDGET_LOW ? 'lowered' : 'kept'
  const left = [bar(budgetLeft, percent(budgetLeft, 1), low)]
  if (exhaustedInMs !== null && budgetLeft > 0) left.push(small(`spent in ${duration(exhaustedInMs)}`, 'faint'))
  return make('tr', [
    cell(service),
    cell(`${Number((100 * target).toFixed(3))} % ${kind === 'availability' ? 'good' : 'fast'}`),
    cell(left),
    number(burn['1h'] === undefined ? '–' : `${burn['1h'].toFixed(2)} x`),
    cell(
      alert === null ? '' : `${alert.severity}: ${alert.burn.toFixed(1)} x over ${duration(alert.longMs)}`,
      alert?.severity === 'page' ? 'bad' : 'warn',
    ),
  ])
}

export const proxyRows = status =>
  status.proxies.notInStep.map(proxy => {
    const state = [make('span', proxy.state, proxy.state === 'behind' ? 'warn' : 'bad')]
    if (proxy.refusal !== null) state.push(small(proxy.refusal))
    return make('tr', [
      cell(proxy.instance),
      cell(`${proxy.service} ${proxy.version}`),
      cell(state),
      number(`${proxy.epoch ?? '–'} of ${proxy.sentEpoch ?? '–'}`),
    ])
  })

export const collectorRows = status =>
  status.collectors.map(({ url, connected, problem }) =>
    make('tr', [
      cell([link(url, url)]),
      connected ? cell('read', 'good') : cell(`away: ${problem ?? 'not connected yet'}`, 'bad'),
    ]),
  )

export function configRows({ config }) {
  const lines = [
    ...config.problems.map(problem => cell(problem, 'bad')),
    ...config.warnings.map(warning => cell(warning, 'warn')),
  ]
  const inForce = config.problems.length === 0
  const first = cell([
    make('span', `${config.file} `),
    make('span', inForce ? 'in force' : 'refused, the one before stays in force', inForce ? 'good' : 'bad'),
  ])
  return [first, ...lines].map(line => make('tr', [line]))
}
