// The live page: reads control's stream of status documents and draws what it says. Everything shown is set as text, never as markup.

const RECONNECT_MS = 1000
const DECISIONS_SHOWN = 50
const byId = id => document.getElementById(id)

/** An element with text or children. */
function make(tag, content = '', className = '') {
  const element = document.createElement(tag)
  if (className !== '') element.className = className
  if (Array.isArray(content)) element.append(...content)
  else element.textContent = content
  return element
}

const number = text => make('td', text, 'number')
const rate = traffic => number(traffic.rps.toFixed(1))
const errors = traffic =>
  make('td', `${(100 * traffic.errorRate).toFixed(1)} %`, traffic.errorRate > 0.01 ? 'number bad' : 'number')
const latency = ms => number(ms === null ? '–' : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`)

function fill(id, rows, none) {
  const empty = make('td', none, 'faint')
  empty.colSpan = 9
  byId(id).replaceChildren(...(rows.length > 0 ? rows : [make('tr', [empty])]))
}

function weightBar(share) {
  const fillBar = make('i')
  fillBar.style.width = `${(100 * share).toFixed(1)}%`
  return make('td', [make('div', [fillBar], 'bar')])
}

function versionRow(service, version, first) {
  const total = service.versions.reduce((sum, { weight }) => sum + weight, 0)
  const share = total === 0 ? 0 : version.weight / total
  const stage = version.pinned
    ? 'pinned'
    : version.stage === 'held'
      ? `held out${version.waitMs > 0 ? `, ${Math.ceil(version.waitMs / 1000)} s` : ''}`
      : version.stage === 'returning'
        ? 'coming back'
        : version.verdict
  const colour =
    version.stage === 'held' || version.verdict === 'breached'
      ? 'bad'
      : version.stage === 'returning' || version.pinned
        ? 'warn'
        : version.verdict === 'healthy'
          ? 'good'
          : 'faint'
  const judged = make('td', stage, colour)
  judged.title = version.reason
  const { traffic } = version
  return make('tr', [
    make('td', first ? service.service : ''),
    make('td', version.version),
    make('td', `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`),
    weightBar(share),
    rate(traffic),
    errors(traffic),
    latency(traffic.p50Ms),
    latency(traffic.p99Ms),
    judged,
  ])
}

function endpointRow(endpoint) {
  const health = endpoint.connected ? endpoint.health : `${endpoint.health}, away`
  const colour =
    endpoint.health === 'healthy' && endpoint.connected ? 'good' : endpoint.health === 'ejected' ? 'bad' : 'warn'
  return make('tr', [
    make('td', endpoint.id),
    make('td', endpoint.version),
    make('td', health, colour),
    number(`${endpoint.fusedBy} of ${endpoint.knownBy}`),
    number(`${endpoint.errors} of ${endpoint.requests}`),
  ])
}

function sloRow(service, slo) {
  const objective =
    slo.kind === 'availability' ? `${(100 * slo.target).toFixed(2)} % good` : `${(100 * slo.target).toFixed(2)} % fast`
  const alert = slo.alert === null ? '' : `${slo.alert.severity}: burns ${slo.alert.burn.toFixed(1)} x`
  return make('tr', [
    make('td', service),
    make('td', objective),
    make('td', `${(100 * slo.budgetLeft).toFixed(1)} %`, slo.budgetLeft < 0.25 ? 'number bad' : 'number'),
    make('td', alert, 'bad'),
  ])
}

function notesOf(status) {
  const notes = []
  if (status.data === 'dark') notes.push('No telemetry: every weight is frozen until proxies report again.')
  for (const { url, connected, problem } of status.collectors)
    if (!connected) notes.push(`Collector ${url} is away: ${problem ?? 'not connected'}`)
  for (const problem of status.config.problems)
    notes.push(`The mesh file is refused, the one before stays in force: ${problem}`)
  for (const proxy of status.proxies.notInStep)
    notes.push(`Proxy ${proxy.instance} is ${proxy.state}${proxy.refusal === null ? '' : `: ${proxy.refusal}`}`)
  return notes
}

function show(status) {
  byId('mesh').textContent = status.mesh
  byId('state').textContent = `${status.proxies.known} proxies, epoch ${status.epoch}, ${status.time.slice(11, 19)} UTC`
  byId('state').className = ''
  byId('notes').replaceChildren(...notesOf(status).map(note => make('li', note)))
  fill(
    'services',
    status.services.flatMap(service =>
      service.versions.map((version, index) => versionRow(service, version, index === 0)),
    ),
    'No instance has registered yet.',
  )
  fill(
    'endpoints',
    status.services.flatMap(({ endpoints }) => endpoints.map(endpointRow)),
    'No host is known yet.',
  )
  fill(
    'calls',
    status.calls.map(({ source, upstream, traffic }) =>
      make('tr', [make('td', source), make('td', upstream), rate(traffic), errors(traffic), latency(traffic.p99Ms)]),
    ),
    'Nobody calls anybody.',
  )
  fill(
    'slos',
    status.services.flatMap(({ service, slo }) => slo.map(one => sloRow(service, one))),
    'The mesh file names no objective.',
  )
  if (status.lastDecision !== null && status.lastDecision.id !== shownDecision) void showDecisions(status)
}

let shownDecision = -1

async function showDecisions(status) {
  shownDecision = status.lastDecision.id
  const { decisions } = await (await fetch(`/v1/decisions?limit=${DECISIONS_SHOWN}`)).json()
  byId('decisions').replaceChildren(...decisions.map(decision => decisionItem(decision, status.collectors[0]?.url)))
}

function decisionItem(decision, collectorUrl) {
  const colour = ['restore', 'thaw'].includes(decision.action)
    ? 'good'
    : ['manual', 'config', 'probe'].includes(decision.action)
      ? 'warn'
      : 'bad'
  const what = [decision.service, decision.version, decision.endpoint].filter(part => part !== undefined).join(' ')
  const evidence = Object.entries(decision.evidence).map(
    ([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`,
  )
  const item = make('li', [
    make('time', decision.time.slice(11, 19)),
    ' ',
    make('b', decision.action, colour),
    ` ${what}: ${decision.reason}${decision.dryRun ? ' (dry run)' : ''}`,
  ])
  item.append(
    make(
      'small',
      `${decision.metric}: observed ${Number(decision.observed.toPrecision(4))}, threshold ${Number(decision.threshold.toPrecision(4))}${evidence.length > 0 ? `; ${evidence.join(', ')}` : ''}; by ${decision.actor}`,
    ),
  )
  const traces = [...new Set(decision.traces)].slice(0, 4)
  if (traces.length > 0 && collectorUrl !== undefined) {
    const links = traces.flatMap(id => {
      const link = make('a', id.slice(0, 8))
      link.href = `${collectorUrl}/api/v2/trace/${encodeURIComponent(id)}`
      return [' ', link]
    })
    item.append(make('small', ['traces:', ...links]))
  }
  return item
}

/** Lines of an endless answer, as they come. */
async function* linesOf(body) {
  let pending = ''
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (pending + text).split('\n')
    pending = lines.pop()
    yield* lines.filter(line => line !== '')
  }
}

async function follow() {
  try {
    const answer = await fetch('/v1/live')
    for await (const line of linesOf(answer.body)) {
      const said = JSON.parse(line)
      // The first line tells protocol and version.
      if (said.services !== undefined) show(said)
    }
  } catch (error) {
    console.info(`the stream ended: ${error.message}`)
  }
  byId('state').textContent = 'control is away: this is how it was; traffic goes on with the last weights'
  byId('state').className = 'away'
  setTimeout(follow, RECONNECT_MS)
}

void follow()
