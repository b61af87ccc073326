import { Command, Option } from 'commander'
import type { Address } from './address.ts'
import { addressOption, urlOption } from './command-line.ts'

/** The flags that every demo service has. */
export interface ServiceOptions {
  listen: Address
  metrics: Address
  zipkin?: string
  version: string
}

export interface ServiceProgram {
  name: string
  description: string
  versions: [string, ...string[]]
  listenPort: number
}

const METRICS_PORT = 9464

/** A command with those flags. Each may come from the environment, too: EXPENSE_LISTEN for expense's --listen. */
export function serviceCommand({ name, description, versions, listenPort }: ServiceProgram): Command {
  const env = (flag: string) => `${name.toUpperCase()}_${flag}`
  const local = (port: number) => ({ host: '127.0.0.1', port })
  const version = new Option('--version <version>', 'which version to be').env(env('VERSION')).choices(versions)
  return new Command(name)
    .description(description)
    .addOption(addressOption('--listen <address>', 'HOST:PORT to serve at', env('LISTEN'), local(listenPort)))
    .addOption(addressOption('--metrics <address>', 'HOST:PORT of /metrics', env('METRICS'), local(METRICS_PORT)))
    .addOption(urlOption('--zipkin <url>', 'Zipkin v2 receiver of the spans; none are kept without', env('ZIPKIN')))
    .addOption(version.default(versions[0]))
    .addHelpText('after', '\nPort 0 takes any free one. Exit codes: 0 ended in order, 1 failed, 2 wrong usage.')
}
