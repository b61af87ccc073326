import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Command, CommanderError, Option } from 'commander'

/** Loaded for whoever has a settings file: most programs are told by flags, and would carry it for nothing. */
const yaml = (): typeof import('yaml') => createRequire(import.meta.url)('yaml')

/** A setting: one description gives the flag, the environment variable, the field of the settings file and the help line. */
export interface Setting<T> {
  /** As commander writes it: `--listen <address>` or `--json`. */
  flag: string
  describe: string
  read: Reader<T>
  /** Absent: undefined when not given. */
  default?: T
  /** Group in --help. */
  group?: string
}

/** Turns text into a value, or throws a SettingError that says what is allowed. `repeats`: the flag may come several times. */
export interface Reader<T> {
  (text: string): T
  repeats?: (texts: string[]) => T
}

export class SettingError extends Error {}

type Settings = Record<string, Setting<unknown>>
type ValueOf<S> = S extends { default: infer _D; read: (text: string) => infer T }
  ? T
  : S extends { read: (text: string) => infer T }
    ? T | undefined
    : never
/** What readSettings gives: every setting's value by name. */
export type ValuesOf<S extends Settings> = { [Name in keyof S]: ValueOf<S[Name]> }

export interface Invocation {
  argv: readonly string[]
  env: Readonly<Record<string, string | undefined>>
}

export interface ProgramDescription {
  /** `trimtab proxy` */
  name: string
  summary: string
  /** Printed under the help as they stand. */
  examples: readonly string[]
  /** Environment variables are `<envPrefix>_<SETTING_NAME>`. */
  envPrefix: string
  /** What may follow the flags (`-- node app.js`); none when absent. */
  operands?: string
}

export type ReadSettings<V> =
  | { status: 'ok'; values: V; operands: string[] }
  | { status: 'help'; text: string }
  | { status: 'invalid'; reason: string }

/**
 * Reads settings: a flag wins over the environment, the environment over the file named by --settings, that over the default.
 * Nothing is printed and nothing exits: the caller decides.
 */
export function readSettings<const S extends Settings>(
  program: ProgramDescription,
  settings: S,
  { argv, env }: Invocation,
): ReadSettings<ValuesOf<S>> {
  let out = ''
  const command = new Command(program.name).description(program.summary).exitOverride()
  command.configureOutput({ writeOut: text => (out += text), writeErr: text => (out += text) })
  command.addOption(
    new Option(
      '--settings <file>',
      `YAML file with any of these settings by their names without the dashes (${program.envPrefix}_SETTINGS)`,
    ),
  )
  for (const [name, setting] of Object.entries(settings)) command.addOption(optionOf(name, setting, program.envPrefix))
  if (program.operands) command.argument('[command...]', program.operands)
  command.allowExcessArguments(false)
  if (program.examples.length > 0)
    command.addHelpText('after', `\nExamples:\n${program.examples.map(example => `  ${example}`).join('\n')}`)
  try {
    command.parse([...argv], { from: 'user' })
    const given = command.opts() as Record<string, unknown>
    const file = readFile((given['settings'] as string | undefined) ?? env[`${program.envPrefix}_SETTINGS`], settings)
    const values: Record<string, unknown> = {}
    for (const [name, setting] of Object.entries(settings))
      values[name] = givenOrDefault(
        name,
        setting,
        given,
        env[envName(program.envPrefix, name)],
        file,
        program.envPrefix,
      )
    return { status: 'ok', values: values as ValuesOf<S>, operands: command.args }
  } catch (error) {
    if (error instanceof SettingError)
      return { status: 'invalid', reason: `${error.message} (see ${program.name} --help)` }
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { status: 'help', text: out }
    return { status: 'invalid', reason: `${out.trim().replace(/^error: /, '')} (see ${program.name} --help)` }
  }
}

function optionOf(name: string, setting: Setting<unknown>, envPrefix: string): Option {
  const shown =
    setting.default === undefined || setting.default === false ? '' : `, default ${showValue(setting.default)}`
  const option = new Option(setting.flag, `${setting.describe} (${envName(envPrefix, name)}${shown})`)
  option.attributeName = () => name
  if (setting.read.repeats) option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text])
  if (setting.group) option.helpGroup(setting.group)
  return option
}

function givenOrDefault(
  name: string,
  setting: Setting<unknown>,
  given: Record<string, unknown>,
  fromEnv: string | undefined,
  file: Record<string, unknown>,
  envPrefix: string,
): unknown {
  const flag = setting.flag.split(/[ ,]/)[0]!
  if (given[name] !== undefined) return readAs(setting, given[name], flag)
  if (fromEnv !== undefined && fromEnv !== '')
    return readAs(setting, setting.read.repeats ? fromEnv.split(',') : fromEnv, envName(envPrefix, name))
  if (file[name] !== undefined) return readAs(setting, file[name], `field ${longName(setting)} of the settings file`)
  return setting.default
}

function readAs(setting: Setting<unknown>, given: unknown, where: string): unknown {
  try {
    if (setting.read.repeats) return setting.read.repeats((Array.isArray(given) ? given : [given]).map(String))
    return setting.read(String(given))
  } catch (error) {
    if (error instanceof SettingError)
      throw new SettingError(`${where}: found ${JSON.stringify(given)}, allowed: ${error.message}`)
    throw error
  }
}

function readFile(path: string | undefined, settings: Settings): Record<string, unknown> {
  if (path === undefined) return {}
  let value: unknown
  try {
    value = yaml().parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new SettingError(`settings file ${path} cannot be read: ${(error as Error).message}`)
  }
  if (value === null || value === undefined) return {}
  if (typeof value !== 'object' || Array.isArray(value))
    throw new SettingError(`settings file ${path}: a mapping of names to values is allowed`)
  const fields: Record<string, unknown> = {}
  for (const [word, given] of Object.entries(value)) {
    const name = settingNamed(word, settings)
    if (name === undefined)
      throw new SettingError(
        `settings file ${path}: unknown field ${word}, allowed: ${Object.values(settings).map(longName).join(', ')}`,
      )
    if (Object.hasOwn(fields, name))
      throw new SettingError(`settings file ${path}: ${longName(settings[name]!)} stands there twice, once as ${word}`)
    fields[name] = given
  }
  return fields
}

/** By its flag, join-token-file, or as one word, joinTokenFile. */
function settingNamed(word: string, settings: Settings): string | undefined {
  if (Object.hasOwn(settings, word)) return word
  return Object.keys(settings).find(name => longName(settings[name]!) === word)
}

/** The flag without its dashes. */
function longName({ flag }: Setting<unknown>): string {
  return /--([a-z0-9-]+)/.exec(flag)![1]!
}

function envName(prefix: string, name: string): string {
  return `${prefix}_${name.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()}`
}

function showValue(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'port' in value && 'host' in value)
    return `${value.host}:${value.port}`
  return Array.isArray(value) ? value.map(showValue).join(',') : String(value)
}
