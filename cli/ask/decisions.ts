import type { Decision } from '../../protocol/decision.ts'
import { settingsOrExit } from '../../runtime/command.ts'
import { flag, integer, text } from '../../runtime/setting-readers.ts'
import type { Invocation } from '../../runtime/settings.ts'
import { decisionLine } from '../table.ts'
import { asking, askSettings, controlUrl, followJson, getJson, tokenOf } from './client.ts'

const program = {
  name: 'trimtab decisions',
  summary: 'Tells why weights moved and hosts left, oldest first.',
  envPrefix: 'TRIMTAB',
  examples: ['trimtab decisions', 'trimtab decisions --service expense --json', 'trimtab decisions --follow'],
}
const settings = {
  ...askSettings,
  service: { flag: '--service <name>', describe: 'of one service only', read: text },
  limit: { flag: '--limit <n>', describe: 'at most so many', read: integer(1, 1000), default: 20 },
  follow: { flag: '--follow', describe: 'go on with what comes', read: flag, default: false },
  json: { flag: '--json', describe: 'a JSON object a line', read: flag, default: false },
} as const

export async function decisionsCommand(invocation: Invocation): Promise<void> {
  const { values } = settingsOrExit(program, settings, invocation)
  await asking(program.name, async () => {
    const control = controlUrl(values)
    const show = (decision: Decision) => {
      if (values.service !== undefined && decision.service !== values.service) return
      process.stdout.write(values.json ? `${JSON.stringify(decision)}\n` : `${describe(decision)}\n`)
    }
    const past = new URL('/v1/decisions', control)
    past.searchParams.set('limit', String(values.limit))
    if (values.service !== undefined) past.searchParams.set('service', values.service)
    const { decisions } = await getJson<{ decisions: Decision[] }>(past, tokenOf(values))
    for (const decision of decisions.toReversed()) show(decision)
    if (decisions.length === 0 && !values.json) process.stderr.write('no decision yet\n')
    if (values.follow)
      await followJson(
        new URL('/v1/decisions/stream', control),
        value => show(value as Decision),
        undefined,
        tokenOf(values),
      )
  })
}

function describe(decision: Decision): string {
  const evidence = Object.entries(decision.evidence)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`)
    .join(', ')
  const traces = decision.traces.length === 0 ? '' : `\n    traces: ${decision.traces.join(' ')}`
  const move =
    decision.from === null && decision.to === null
      ? ''
      : `\n    ${JSON.stringify(decision.from)} -> ${JSON.stringify(decision.to)}`
  return `${decisionLine(decision)}${move}\n    ${decision.metric}: observed ${Number(decision.observed.toPrecision(4))}, threshold ${Number(decision.threshold.toPrecision(4))}; ${evidence}; by ${decision.actor}, epoch ${decision.epoch}${traces}`
}
