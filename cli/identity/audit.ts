import type { AuditEntry } from '../../control/state/identity-store.ts'
import { settingsOrExit } from '../../runtime/command.ts'
import { flag, integer } from '../../runtime/setting-readers.ts'
import type { Invocation } from '../../runtime/settings.ts'
import { asking, askSettings, controlUrl, getJson, tokenOf } from '../ask/client.ts'

const program = {
  name: 'trimtab audit',
  summary: 'Tells every change that was asked for, oldest first: when, who, from where, what, and what came of it.',
  envPrefix: 'TRIMTAB',
  examples: ['trimtab audit', 'trimtab audit --limit 1000 --json | grep refused'],
}
const settings = {
  ...askSettings,
  limit: { flag: '--limit <n>', describe: 'at most so many', read: integer(1, 1000), default: 50 },
  json: { flag: '--json', describe: 'a JSON object a line', read: flag, default: false },
} as const

export async function auditCommand(invocation: Invocation): Promise<void> {
  const { values } = settingsOrExit(program, settings, invocation)
  await asking(program.name, async () => {
    const target = new URL('/v1/audit', controlUrl(values))
    target.searchParams.set('limit', String(values.limit))
    const { entries } = await getJson<{ entries: AuditEntry[] }>(target, tokenOf(values))
    for (const entry of entries.toReversed())
      process.stdout.write(`${values.json ? JSON.stringify(entry) : describe(entry)}\n`)
    if (entries.length === 0 && !values.json) process.stderr.write('nothing was changed yet\n')
  })
}

function describe({ time, who, from, what, detail, outcome, reason }: AuditEntry): string {
  const why = reason === '' ? '' : `: ${reason}`
  return `${time}  ${outcome.padEnd(7)}  ${what} ${detail}\n    by ${who} from ${from}${why}`
}
