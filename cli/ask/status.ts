import type { Status } from '../../control/api/status-schema.ts'
import { settingsOrExit } from '../../runtime/command.ts'
import { flag } from '../../runtime/setting-readers.ts'
import type { Invocation } from '../../runtime/settings.ts'
import { statusTable } from '../table.ts'
import { asking, askSettings, controlUrl, getJson, tokenOf } from './client.ts'

const program = {
  name: 'trimtab status',
  summary: 'Shows services, versions, weights, rates and the last decision.',
  envPrefix: 'TRIMTAB',
  examples: ['trimtab status', 'trimtab status --json | jq .services'],
}
const settings = { ...askSettings, json: { flag: '--json', describe: 'as JSON', read: flag, default: false } } as const

export async function statusCommand(invocation: Invocation): Promise<void> {
  const { values } = settingsOrExit(program, settings, invocation)
  await asking(program.name, async () => {
    const status = await getJson<Status>(new URL('/v1/status', controlUrl(values)), tokenOf(values))
    process.stdout.write(values.json ? `${JSON.stringify(status)}\n` : `${statusTable(status, process.stdout.isTTY)}\n`)
  })
}
