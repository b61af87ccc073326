import { logFormats, logLevels } from '../../runtime/log.ts'
import { flag, integer, number, oneOf, text, url } from '../../runtime/setting-readers.ts'
import type { ProgramDescription, ValuesOf } from '../../runtime/settings.ts'
import { defaultData } from '../run-file.ts'

export const program: ProgramDescription = {
  name: 'trimtab up',
  summary:
    'Starts the whole demo mesh on this machine: control, collector, expense-report with a proxy beside every instance, a gateway, and a gentle load.',
  envPrefix: 'TRIMTAB_UP',
  examples: [
    'trimtab up',
    'trimtab up --json | head -1',
    'trimtab up --jaeger http://127.0.0.1:9412/api/v2/spans --rate 100',
  ],
}

export const settings = {
  config: { flag: '--config <file>', describe: 'the mesh file', read: text },
  data: { flag: '--data <directory>', describe: 'where state and logs go', read: text, default: defaultData },
  keep: {
    flag: '--keep',
    describe: 'keep the state of the last time (weights, decisions, spans)',
    read: flag,
    default: false,
  },
  json: {
    flag: '--json',
    describe: 'print one line with every URL and pid once all is ready, then only events',
    read: flag,
    default: false,
  },
  rate: {
    flag: '--rate <n>',
    describe: 'requests per second of the load, 0 for none',
    read: number(0, 10_000),
    default: 20,
  },
  gatewayPort: { flag: '--gateway-port <port>', describe: 'where the gateway listens', read: integer(0, 65_535) },
  anyPorts: {
    flag: '--any-ports',
    describe: 'take any free ports instead of the usual ones',
    read: flag,
    default: false,
  },
  jaeger: { flag: '--jaeger <url>', describe: 'where the collector ships spans besides', read: url },
  clickhouse: {
    flag: '--clickhouse <what>',
    describe: 'embedded | off | URL of a server',
    read: text,
    default: 'embedded',
  },
  logLevel: {
    flag: '--log-level <level>',
    describe: `of every process: ${logLevels.join(' ')}`,
    read: oneOf(...logLevels),
    default: 'info' as const,
  },
  logFormat: {
    flag: '--log-format <format>',
    describe: 'json | pretty',
    read: oneOf(...logFormats),
    default: 'json' as const,
  },
} as const

export type UpSettings = ValuesOf<typeof settings>
