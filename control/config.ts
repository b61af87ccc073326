import { address, commonSettings, listOf, text, url } from '../runtime/setting-readers.ts'
import type { ProgramDescription, ValuesOf } from '../runtime/settings.ts'

export const controlProgram: ProgramDescription = {
  name: 'trimtab control',
  summary: 'Knows who is there, judges live traffic, moves weights with a reason, and tells every proxy.',
  envPrefix: 'TRIMTAB_CONTROL',
  examples: [
    'trimtab control --config mesh.yaml --data .trimtab/control',
    'trimtab control --config mesh.yaml --collector http://127.0.0.1:9411',
    'curl -s 127.0.0.1:8500/v1/status          services, weights, traffic, who is behind',
    'curl -sN 127.0.0.1:8500/v1/decisions/stream   every decision as it is made',
  ],
}

export const controlSettings = {
  config: {
    flag: '--config <file>',
    describe: 'the mesh file; watched, a valid change is applied, an invalid one refused with its reasons',
    read: text,
    default: 'mesh.yaml',
  },
  data: {
    flag: '--data <dir>',
    describe: 'directory of the decisions, weights and ejections; made if absent',
    read: text,
    default: '.trimtab/control',
  },
  listen: {
    flag: '--listen <address>',
    describe: 'the API, the page and the snapshots for proxies; port 0 takes any free one',
    read: address,
    default: { host: '127.0.0.1', port: 8500 },
  },
  collector: {
    flag: '--collector <url>',
    describe: 'collector whose live stream is judged; may come several times, their traffic adds',
    read: listOf(url),
    default: ['http://127.0.0.1:9411'],
  },
  spansUrl: {
    flag: '--spans-url <url>',
    describe: 'where proxies are told to send spans; without it, /api/v2/spans of the first collector',
    read: url,
  },
  ...commonSettings,
} as const

export type ControlSettings = ValuesOf<typeof controlSettings>
