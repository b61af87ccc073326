import type { TokenStatus } from '../../control/identity/token-routes.ts'
import { COLLECTOR } from '../../protocol/identity.ts'
import { settingsOrExit, usageError } from '../../runtime/command.ts'
import { durationMs, flag, listOf, text } from '../../runtime/setting-readers.ts'
import type { Invocation } from '../../runtime/settings.ts'
import { asking, askSettings, controlUrl, deleteJson, getJson, postJson, tokenOf } from '../ask/client.ts'
import { columns } from './columns.ts'

const program = {
  name: 'trimtab token',
  summary: 'Makes, lists and revokes tokens. A secret is shown once, when it is made; control keeps a hash.',
  envPrefix: 'TRIMTAB',
  operands: 'create | list | revoke ID',
  examples: [
    'trimtab token create --service report                     for one proxy, once, within an hour',
    'trimtab token create --service report --service expense --reusable --expires 30d',
    'trimtab token create --collector                          for a collector, so that spans and reports travel by TLS',
    'trimtab token create --read-only --name grafana           looks at everything, changes nothing',
    'trimtab token create --admin --name ann                   may change everything',
    'trimtab token list',
    'trimtab token revoke 4fT0ab2x',
  ],
}
const settings = {
  ...askSettings,
  service: {
    flag: '--service <name>',
    describe: 'of a join token: a service or gateway that it is for; repeatable; without it any',
    read: listOf(text),
    default: [] as string[],
  },
  collector: {
    flag: '--collector',
    describe: 'of a join token: it is for a collector, and for no service',
    read: flag,
    default: false,
  },
  reusable: {
    flag: '--reusable',
    describe: 'of a join token: good for more than one proxy, also for its snapshot stream',
    read: flag,
    default: false,
  },
  expires: {
    flag: '--expires <duration>',
    describe: 'how long it is good, or never; a join token 1h unless told, a person’s for ever',
    read: expiry,
  },
  readOnly: { flag: '--read-only', describe: 'for somebody who only looks', read: flag, default: false },
  admin: { flag: '--admin', describe: 'for somebody who may change everything', read: flag, default: false },
  name: { flag: '--name <name>', describe: 'to know it again in lists and in the audit', read: text },
  json: { flag: '--json', describe: 'as JSON', read: flag, default: false },
} as const

function expiry(given: string): number | null {
  return given === 'never' ? null : durationMs(given)
}

export async function tokenCommand(invocation: Invocation): Promise<void> {
  const { values, operands } = settingsOrExit(program, settings, invocation)
  const [action, id, ...more] = operands
  const print = (value: unknown, lines: string) =>
    process.stdout.write(`${values.json ? JSON.stringify(value) : lines}\n`)
  const target = (path: string) => new URL(path, controlUrl(values))
  if (action === 'create' && id === undefined) {
    if (values.readOnly && values.admin) usageError(program.name, '--read-only and --admin exclude each other')
    const kind = values.admin ? 'admin' : values.readOnly ? 'read' : 'join'
    if (kind !== 'join' && (values.service.length > 0 || values.collector || values.reusable))
      usageError(program.name, '--service, --collector and --reusable belong to join tokens')
    const services = [...values.service, ...(values.collector ? [COLLECTOR] : [])]
    const wanted = {
      kind,
      ...(values.name !== undefined && { name: values.name }),
      ...(services.length > 0 && { services }),
      ...(values.reusable && { reusable: true }),
      ...(values.expires !== undefined && { expiresInMs: values.expires }),
    }
    return await asking(program.name, async () => {
      const made = await postJson<TokenStatus & { token: string }>(target('/v1/tokens'), wanted, tokenOf(values))
      print(made, made.token)
    })
  }
  if (action === 'list' && id === undefined)
    return await asking(program.name, async () => {
      const { tokens } = await getJson<{ tokens: TokenStatus[] }>(target('/v1/tokens'), tokenOf(values))
      print(tokens, table(tokens))
    })
  if (action === 'revoke' && id !== undefined && more.length === 0)
    return await asking(program.name, async () => {
      const gone = await deleteJson<TokenStatus>(target(`/v1/tokens/${encodeURIComponent(id)}`), tokenOf(values))
      print(gone, `${gone.id} (${gone.name}) is good no more; certificates that it led to last until they end`)
    })
  usageError(
    program.name,
    `found ${JSON.stringify(operands.join(' '))}, allowed: ${program.operands} (see ${program.name} --help)`,
  )
}

function table(tokens: readonly TokenStatus[]): string {
  return columns([
    ['ID', 'KIND', 'NAME', 'FOR', 'USE', 'EXPIRES', 'USED'],
    ...tokens.map(({ id, kind, name, services, reusable, expires, used }) => [
      id,
      kind,
      name,
      kind === 'join' ? (services === '*' ? 'any' : services.join(',')) : '-',
      reusable ? 'often' : 'once',
      expires ?? 'never',
      used ?? '-',
    ]),
  ])
}
