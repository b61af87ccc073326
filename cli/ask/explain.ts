import { styleText } from 'node:util'
import type { Explanation } from '../../proxy/route/explain.ts'
import { settingsOrExit, usageError } from '../../runtime/command.ts'
import { flag, listOf, text } from '../../runtime/setting-readers.ts'
import type { Invocation } from '../../runtime/settings.ts'
import { AskError, asking, askSettings, controlUrl, getJson, tokenOf } from './client.ts'

const program = {
  name: 'trimtab explain',
  summary:
    'Tells which route, version and endpoints a request would meet. The proxy of the caller answers, with the very function that routes its traffic.',
  envPrefix: 'TRIMTAB',
  operands: 'METHOD URL',
  examples: [
    'trimtab explain GET http://expense/api --from report',
    'trimtab explain GET /api/report/expense/version --from edge --header x-debug:1',
  ],
}
const settings = {
  ...askSettings,
  from: { flag: '--from <service>', describe: 'who calls: a service or a gateway', read: text },
  header: {
    flag: '--header <name:value>',
    describe: 'a header of the request; repeatable',
    read: listOf(text),
    default: [],
  },
  json: { flag: '--json', describe: 'as JSON', read: flag, default: false },
} as const

interface ListedProxy {
  instance: string
  service: string
  admin: string | null
}

export async function explainCommand(invocation: Invocation): Promise<void> {
  const { values, operands } = settingsOrExit(program, settings, invocation)
  const [method, url] = operands
  if (method === undefined || url === undefined || operands.length > 2)
    usageError(
      program.name,
      `found ${JSON.stringify(operands.join(' '))}, allowed: METHOD URL (see ${program.name} --help)`,
    )
  if (values.from === undefined) usageError(program.name, '--from is needed: who calls? A service or a gateway')
  const from = values.from
  await asking(program.name, async () => {
    const { proxies } = await getJson<{ proxies: ListedProxy[] }>(
      new URL('/v1/proxies', controlUrl(values)),
      tokenOf(values),
    )
    const caller = proxies.find(({ service, admin }) => service === from && admin !== null)
    if (caller === undefined)
      throw new AskError(
        `no proxy of ${from} with an admin interface is connected; there are: ${[...new Set(proxies.map(({ service }) => service))].join(', ') || 'none'}`,
      )
    const question = new URL('/explain', `http://${caller.admin}`)
    question.searchParams.set('method', method.toUpperCase())
    question.searchParams.set('url', url)
    for (const header of values.header) question.searchParams.append('header', header)
    const explanation = await getJson<Explanation>(question)
    process.stdout.write(
      values.json ? `${JSON.stringify(explanation)}\n` : `${describe(explanation, caller.instance)}\n`,
    )
  })
}

function describe(explanation: Explanation, instance: string): string {
  const bold = (plain: string) => (process.stdout.isTTY ? styleText('bold', plain) : plain)
  if (explanation.status === 'refused')
    return `${bold('refused')} with ${explanation.httpStatus} (${explanation.flag} ${explanation.reason}): ${explanation.detail}`
  const versions = Object.entries(explanation.versions).map(
    ([version, share]) => `${version} ${(100 * share).toFixed(1)} %`,
  )
  const lines = [
    `${bold('service')}    ${explanation.service} (route ${explanation.route}, path ${explanation.path})`,
    `${bold('version')}    ${versions.join(', ') || 'none has weight'}, chosen by ${explanation.chosenBy}`,
    ...explanation.endpoints.map(
      ({ id, address, version, health }) => `${bold('endpoint')}   ${id} ${address} ${version} ${health}`,
    ),
    `${bold('timeout')}    ${explanation.timeoutMs === 0 ? 'none' : `${explanation.timeoutMs} ms`}`,
    `${bold('retries')}    ${explanation.retries.attempts === 0 ? 'off' : `${explanation.retries.attempts} on ${explanation.retries.on.join(', ')}`}`,
    `as ${instance} sees it, policy epoch ${explanation.epoch}`,
  ]
  return lines.join('\n')
}
