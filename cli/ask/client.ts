import { readFileSync } from 'node:fs'
import { request } from 'undici'
import type { Hello } from '../../protocol/hello.ts'
import { refusalOf } from '../../protocol/version.ts'
import { lineSplitter } from '../../runtime/ndjson.ts'
import { text, url } from '../../runtime/setting-readers.ts'
import { defaultData, readRunFile } from '../run-file.ts'

const TIMEOUT_MS = 10_000
const LINE_BYTES_MAX = 32 * 1024 * 1024

/** Settings of every command that asks control. */
export const askSettings = {
  data: {
    flag: '--data <directory>',
    describe: 'data directory of the `trimtab up` that is meant',
    read: text,
    default: defaultData,
  },
  control: {
    flag: '--control <url>',
    describe: 'control, default: that of the running `trimtab up`, else http://127.0.0.1:8500',
    read: url,
  },
  token: { flag: '--token <token>', describe: 'proof of who you are (better from the environment)', read: text },
  tokenFile: { flag: '--token-file <file>', describe: 'file that holds the token', read: text },
} as const

/** Where control is: as told, of the mesh that is up here, or at its usual place. */
export function controlUrl(told: { control: string | undefined; data: string }): string {
  return told.control ?? readRunFile(told.data)?.urls['control'] ?? 'http://127.0.0.1:8500'
}

/** What is shown to control: the token that was given, or that of a file; undefined: none, for doors that are open to this machine. */
export function tokenOf(told: { token: string | undefined; tokenFile: string | undefined }): string | undefined {
  if (told.token !== undefined || told.tokenFile === undefined) return told.token
  try {
    return readFileSync(told.tokenFile, 'utf8').trim()
  } catch (error) {
    throw new AskError(`the token file cannot be read: ${(error as Error).message}`)
  }
}

/** A failure that a command tells its user: what happened, why, what to do. */
export class AskError extends Error {}

/** Nobody answered there, or somebody who was not meant (421): `why`, without what to do. */
export class NotReached extends AskError {
  readonly why: string

  constructor(why: string, message = why) {
    super(message)
    this.why = why
  }
}

export async function getJson<T>(target: URL | string, token?: string): Promise<T> {
  return (await callJson('GET', target, undefined, token)) as T
}

export async function postJson<T>(target: URL | string, body: unknown, token?: string): Promise<T> {
  return (await callJson('POST', target, body, token)) as T
}

export async function deleteJson<T>(target: URL | string, token?: string): Promise<T> {
  return (await callJson('DELETE', target, undefined, token)) as T
}

function headersOf(token: string | undefined, hasBody: boolean): Record<string, string> {
  return {
    ...(hasBody && { 'content-type': 'application/json' }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
}

async function callJson(
  method: 'GET' | 'POST' | 'DELETE',
  target: URL | string,
  body: unknown,
  token: string | undefined,
): Promise<unknown> {
  const answer = await reach(
    () =>
      request(target, {
        method,
        headersTimeout: TIMEOUT_MS,
        bodyTimeout: TIMEOUT_MS,
        headers: headersOf(token, body !== undefined),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    target,
  )
  const text = await answer.body.text()
  if (answer.statusCode === 421) throw new NotReached(text.trim())
  if (answer.statusCode >= 300)
    throw new AskError(`${method} ${target} answered ${answer.statusCode}: ${refusalText(text)}`)
  return text === '' ? undefined : JSON.parse(text)
}

/** Reads an NDJSON stream until it ends or `signal` does. Its first line, which tells protocol and version, is checked and not passed on. */
export async function followJson(
  target: URL | string,
  onValue: (value: unknown) => void,
  signal?: AbortSignal,
  token?: string,
): Promise<void> {
  const options = {
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: 0,
    headers: headersOf(token, false),
    ...(signal !== undefined && { signal }),
  }
  const answer = await reach(() => request(target, options), target)
  if (answer.statusCode >= 300)
    throw new AskError(`GET ${target} answered ${answer.statusCode}: ${refusalText(await answer.body.text())}`)
  let greeted = false
  const onLine = (line: string) => {
    const value = JSON.parse(line) as Hello
    if (greeted) return onValue(value)
    greeted = true
    const refusal = refusalOf(value, 'trimtab command')
    if (refusal !== undefined) throw new AskError(refusal)
  }
  const lines = lineSplitter(LINE_BYTES_MAX, onLine, () => answer.body.destroy())
  for await (const chunk of answer.body) lines.feed(chunk as Buffer)
}

/** Control's refusals say what to do; anything else is shown as it came. */
function refusalText(text: string): string {
  try {
    const { message, hint } = JSON.parse(text) as { message?: unknown; hint?: unknown }
    if (typeof message === 'string') return `${message}${typeof hint === 'string' ? ` ${hint}` : ''}`
  } catch {
    // Not of control.
  }
  return text.slice(0, 1000)
}

async function reach<T>(call: () => Promise<T>, target: URL | string): Promise<T> {
  try {
    return await call()
  } catch (error) {
    const why = (error as { code?: string }).code === 'ECONNREFUSED' ? 'nobody listens there' : (error as Error).message
    throw new NotReached(
      why,
      `${new URL(target).origin} cannot be reached: ${why}. Is the mesh up (npm start)? Elsewhere? Name it with --control`,
    )
  }
}

/** Runs a command's body; an AskError becomes a line on stderr and exit code 1. */
export async function asking(name: string, body: () => Promise<void>): Promise<void> {
  try {
    await body()
  } catch (error) {
    if (!(error instanceof AskError)) throw error
    process.stderr.write(`${name}: ${error.message}\n`)
    process.exitCode = 1
  }
}
