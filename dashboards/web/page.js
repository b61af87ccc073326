// The live page: reads control's stream of status documents and draws what it says.
import { decisionItem } from './decisions.js'
import { duration, fill, fillRows, make } from './elements.js'
import { ask, login, NotLetIn } from './session.js'
import { callRows, collectorRows, configRows, endpointRows, proxyRows, serviceRows, sloRows } from './tables.js'

const RECONNECT_MS = 1000
/** A line comes every second. A stream without one for this long is dead, though nobody closed it. */
const SILENCE_MS = 5000
const DECISIONS_SHOWN = 50
const byId = id => document.getElementById(id)

const tables = {
  services: [serviceRows, 'No instance has registered yet.'],
  endpoints: [endpointRows, 'No endpoint is known yet.'],
  calls: [callRows, 'Nobody calls anybody.'],
  slos: [sloRows, 'The mesh file names no objective.'],
  proxies: [proxyRows, 'All are in step.'],
  collectors: [collectorRows, 'None is configured: weights stay as they are.'],
  config: [configRows, ''],
}

function show(status) {
  document.title = `Trimtab ${status.mesh}`
  byId('mesh').textContent = status.mesh
  say(dataStates[status.data])
  byId('summary').textContent =
    `${status.proxies.known} proxies, epoch ${status.epoch}, ${status.time.slice(11, 19)} UTC`
  const notes = notesOf(status).map(note => make('li', note))
  fill(byId('notes'), notes)
  for (const [id, [rowsOf, none]] of Object.entries(tables)) fillRows(byId(id), rowsOf(status), none)
  void showDecisions(status)
}

const dataStates = {
  traffic: ['live', 'good'],
  idle: ['live, nobody asks', 'good'],
  dark: ['no telemetry, weights frozen', 'bad'],
}

function say([text, className]) {
  byId('state').textContent = text
  byId('state').className = className
}

function notesOf(status) {
  const notes = []
  if (status.data === 'dark') notes.push('No telemetry: every weight is frozen until proxies report again.')
  if (status.config.problems.length > 0)
    notes.push(`The mesh file is refused, the one before stays in force: ${status.config.problems[0]}`)
  for (const { url, connected, problem } of status.collectors)
    if (!connected) notes.push(`Collector ${url} is away: ${problem ?? 'not connected yet'}`)
  for (const { service, missing } of status.services)
    if (missing.length > 0) notes.push(`${service} is judged without its silent callers ${missing.join(', ')}`)
  for (const { service, slo } of status.services)
    for (const { kind, alert } of slo)
      if (alert?.severity === 'page')
        notes.push(
          `${service} burns its ${kind} budget ${alert.burn.toFixed(0)} times too fast over ${duration(alert.longMs)}`,
        )
  return notes
}

let shownDecision

/** Asked for only when the status names a decision that is not shown; a question that failed is asked again with the next line. */
async function showDecisions({ lastDecision, collectors }) {
  const newest = lastDecision === null ? 'none' : `${lastDecision.id} ${lastDecision.time}`
  if (newest === shownDecision) return
  shownDecision = newest
  try {
    const decisions = lastDecision === null ? [] : await newestDecisions()
    const items = decisions.map(decision => decisionItem(decision, collectors[0]?.url))
    fill(byId('decisions'), items.length > 0 ? items : [make('li', 'None yet.', 'faint')])
  } catch (error) {
    shownDecision = undefined
    console.info(`decisions could not be read: ${error.message}`)
  }
}

async function newestDecisions() {
  const { decisions } = await (await ask(`/v1/decisions?limit=${DECISIONS_SHOWN}`)).json()
  return decisions
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

/** Reads until the stream ends, fails, or falls silent. Gives why control did not let us in, when that was it. */
async function follow() {
  const given = new AbortController()
  const giveUp = () => given.abort(new Error(`no line for ${SILENCE_MS} ms`))
  let timer = setTimeout(giveUp, SILENCE_MS)
  try {
    const answer = await ask('/v1/live', { signal: given.signal })
    for await (const line of linesOf(answer.body)) {
      clearTimeout(timer)
      timer = setTimeout(giveUp, SILENCE_MS)
      const said = JSON.parse(line)
      // The first line tells protocol and version.
      if (said.services !== undefined) show(said)
    }
  } catch (error) {
    if (error instanceof NotLetIn) return error
    console.info(`the stream ended: ${error.message}`)
  } finally {
    clearTimeout(timer)
  }
}

for (;;) {
  const shut = await follow()
  if (shut !== undefined) {
    say(['control asks for a token', 'away'])
    await login(shut.message)
    continue
  }
  say(['control is away: this is how it was; traffic goes on with the last weights', 'away'])
  await new Promise(resolve => setTimeout(resolve, RECONNECT_MS))
}
