// Decisions, newest first, each with the numbers and traces that it stands on.
import { link, make, short, small } from './elements.js'

const TRACES_SHOWN = 4
const colours = { restore: 'good', thaw: 'good', probe: 'warn', manual: 'warn', config: 'warn', 'common-cause': 'warn' }

export function decisionItem(decision, collectorUrl) {
  const { action, dryRun, reason, service, version, endpoint } = decision
  const whose = endpoint ?? [service, version].filter(part => part !== undefined).join(' ')
  const time = make('time', `${decision.time.slice(11, 19)} `)
  time.dateTime = decision.time
  time.title = decision.time
  return make('li', [
    make('p', [
      time,
      make('b', action, colours[action] ?? 'bad'),
      make('b', ` ${whose} `),
      make('span', dryRun ? `(dry run) ${reason}` : reason),
    ]),
    small(numbersOf(decision)),
    ...tracesOf(decision, collectorUrl),
  ])
}

function numbersOf({ from, to, metric, observed, threshold, evidence, actor }) {
  const figures = Object.entries(evidence).map(([name, value]) => `${name} ${short(value)}`)
  return [
    `${changeText(from)} → ${changeText(to)}`,
    `${metric} ${short(observed)}, threshold ${short(threshold)}`,
    ...(figures.length > 0 ? [figures.join(', ')] : []),
    `by ${actor}`,
  ].join(' · ')
}

/** What was, or what is: weights by version, or one word. */
function changeText(value) {
  if (value === null || value === undefined) return 'nothing'
  if (typeof value !== 'object') return short(value)
  const parts = Object.entries(value).map(
    ([name, part]) => `${name} ${typeof part === 'object' ? JSON.stringify(part) : short(part)}`,
  )
  return parts.join(', ')
}

function tracesOf({ traces }, collectorUrl) {
  const ids = [...new Set(traces)].slice(0, TRACES_SHOWN)
  if (ids.length === 0) return []
  const links = ids.flatMap(id => {
    const address = `${collectorUrl}/api/v2/trace/${encodeURIComponent(id)}`
    return [' ', collectorUrl === undefined ? make('span', id) : link(id.slice(0, 16), address)]
  })
  return [make('small', ['traces:', ...links])]
}
