import { type Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { type Address, formatAddress, parseAddress } from './address.ts'

export type CommandLine<Options> = { status: 'read'; options: Options } | { status: 'exit'; exitCode: 0 | 2 }

/**
 * Reads flags, and the environment where a flag is absent. Help ends with 0, a usage error with 2;
 * the text for the person has then been printed already (help on stdout, errors on stderr).
 */
export function readCommandLine<Options extends object>(
  command: Command,
  argv: readonly string[],
): CommandLine<Options> {
  command.exitOverride().allowExcessArguments(false)
  try {
    command.parse(argv, { from: 'user' })
    return { status: 'read', options: command.opts<Options>() }
  } catch (error) {
    if (error instanceof CommanderError) return { status: 'exit', exitCode: error.exitCode === 0 ? 0 : 2 }
    throw error
  }
}

/** A flag that names a listener, such as `--listen 127.0.0.1:0`. */
export function addressOption(flags: string, description: string, env: string, standard?: Address): Option {
  const option = new Option(flags, description).env(env).argParser(readAddress)
  return standard === undefined ? option : option.default(standard, formatAddress(standard))
}

/** A flag that names an http or https URL. */
export function urlOption(flags: string, description: string, env: string): Option {
  return new Option(flags, description).env(env).argParser(readUrl)
}

/** A flag that takes a number from min to max. */
export function numberOption(flags: string, description: string, env: string, range: NumberRange): Option {
  return new Option(flags, description).env(env).argParser(text => readNumber(text, range))
}

export interface NumberRange {
  min: number
  max: number
  integer: boolean
}

function readAddress(text: string): Address {
  const reading = parseAddress(text)
  if (reading.status === 'refused') throw new InvalidArgumentError(reading.reason)
  return reading.address
}

function readUrl(text: string): string {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new InvalidArgumentError('Allowed: an http or https URL, such as http://127.0.0.1:9411/api/v2/spans.')
  }
  return text
}

function readNumber(text: string, { min, max, integer }: NumberRange): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!(value >= min && value <= max) || (integer && !Number.isInteger(value))) {
    throw new InvalidArgumentError(`Allowed: ${integer ? 'a whole number' : 'a number'} from ${min} to ${max}.`)
  }
  return value
}
