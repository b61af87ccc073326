import { settingsOrExit, usageError } from '../../runtime/command.ts'
import { flag, listOf, text } from '../../runtime/setting-readers.ts'
import type { Invocation } from '../../runtime/settings.ts'
import { asking, askSettings, controlUrl, tokenOf } from './client.ts'
import { type Asked, explained } from './explained.ts'
import { describe } from './explained-text.ts'

const program = {
  name: 'trimtab explain',
  summary:
    'Tells which route, version and endpoints a request or a TCP connection would meet, and which intention lets it in or not. The proxies of caller and called answer, with the very functions that decide on their traffic.',
  envPrefix: 'TRIMTAB',
  operands: 'METHOD URL, or tcp://SERVICE',
  examples: [
    'trimtab explain GET http://expense/api --from report',
    'trimtab explain DELETE /api/expense/trip/1 --from report --to expense',
    'trimtab explain GET /api/report/expense/version --from edge --header x-debug=1',
    'trimtab explain tcp://db --from report',
    'trimtab explain GET /api/admin --from report --to expense --claims \'{"groups":["admin"]}\'',
  ],
}
const settings = {
  ...askSettings,
  from: { flag: '--from <service>', describe: 'who calls: a service or a gateway', read: text },
  to: { flag: '--to <service>', describe: 'who is called, when the URL is only a path', read: text },
  header: {
    flag: '--header <name=value>',
    describe: 'a header of the request, name=value or name:value; repeatable',
    read: listOf(text),
    default: [],
  },
  claims: {
    flag: '--claims <json>',
    describe: 'what a valid token would say, as a JSON object; without it the token in the headers counts',
    read: text,
  },
  json: { flag: '--json', describe: 'as JSON', read: flag, default: false },
} as const

/** Exit code 0 whatever the answer is: 1 means that nobody could be asked. */
export async function explainCommand(invocation: Invocation): Promise<void> {
  const { values, operands } = settingsOrExit(program, settings, invocation)
  const isTcp = operands.length === 1 && /^tcp:\/\/[^/]+$/.test(operands[0]!)
  const [method, url] = isTcp ? ['CONNECT', operands[0]!] : operands
  if (method === undefined || url === undefined || operands.length > 2)
    usageError(
      program.name,
      `found ${JSON.stringify(operands.join(' '))}, allowed: METHOD URL, or tcp://SERVICE (see ${program.name} --help)`,
    )
  if (values.from === undefined) usageError(program.name, '--from is needed: who calls? A service or a gateway')
  if (values.claims !== undefined && !isObject(values.claims))
    usageError(program.name, '--claims: not an object in JSON, allowed: {"groups":["admin"]}')
  const asked: Asked = {
    method: method.toUpperCase(),
    url,
    from: values.from,
    to: values.to,
    headers: values.header.map(header => headerOf(header)),
    claims: values.claims,
  }
  await asking(program.name, async () => {
    const told = await explained({ url: controlUrl(values), token: tokenOf(values) }, asked)
    process.stdout.write(values.json ? `${JSON.stringify(told)}\n` : `${describe(told, process.stdout.isTTY)}\n`)
  })
}

/** As the admin interface takes it. Neither sign may stand in a name, so the first of either ends it. */
function headerOf(written: string): string {
  const at = written.search(/[:=]/)
  if (at <= 0) usageError(program.name, `--header: found ${JSON.stringify(written)}, allowed: name=value or name:value`)
  return `${written.slice(0, at).trim()}:${written.slice(at + 1).trim()}`
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}
