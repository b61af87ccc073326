import { address, commonSettings, durationMs, flag, listOf, oneOf, text, url } from '../runtime/setting-readers.ts'
import { type ProgramDescription, SettingError, type ValuesOf } from '../runtime/settings.ts'

export const controlProgram: ProgramDescription = {
  name: 'trimtab control',
  summary: 'Knows who is there, judges live traffic, moves weights with a reason, and tells every proxy.',
  envPrefix: 'TRIMTAB_CONTROL',
  examples: [
    'trimtab control --config mesh.yaml --data .trimtab/control',
    'trimtab control --config mesh.yaml --collector http://127.0.0.1:9411',
    'trimtab control --doors open-loopback      on one machine: no token is asked for from it',
    'trimtab control --join-token-file /run/trimtab/join-token --reader-token-file /run/trimtab/reader-token',
    'trimtab control --ca-certificate intermediate.pem --ca-private-key intermediate.key --ca-root root.pem',
    'curl -s -H "authorization: Bearer $(cat .trimtab/control/admin-token)" 127.0.0.1:8500/v1/status',
  ],
}

const LIFETIME_MS_MIN = 5000
const LIFETIME_MS_MAX = 30 * 86_400_000

function lifetime(given: string): number {
  const ms = durationMs(given)
  if (ms < LIFETIME_MS_MIN || ms > LIFETIME_MS_MAX) throw new SettingError('a duration from 5s to 30d')
  return ms
}

function dcName(given: string): string {
  if (!/^[A-Za-z0-9._-]{1,63}$/.test(given)) throw new SettingError('letters, digits, . - _, at most 63')
  return given
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
    describe:
      'collector whose live stream is judged; may come several times, their traffic adds; by https it must prove that it is a collector of this mesh, and proxies send it spans and reports over TLS',
    read: listOf(url),
    default: ['http://127.0.0.1:9411'],
  },
  spansUrl: {
    flag: '--spans-url <url>',
    describe:
      'where proxies are told to send spans; without it, /api/v2/spans of the first collector; https to another address than its own is checked by public authorities',
    read: url,
  },
  doors: {
    flag: '--doors <mode>',
    describe: 'tokens: everybody proves who they are | open-loopback: who connects from this machine need not',
    read: oneOf('tokens', 'open-loopback'),
    default: 'tokens' as const,
  },
  dc: {
    flag: '--dc <name>',
    describe: 'datacenter in the SPIFFE ids',
    read: dcName,
    default: 'dc1',
  },
  caSecret: {
    flag: '--ca-secret <text>',
    describe:
      'what the private key of the root is encrypted under (better from the environment); without it the file ca-key in --data, made at first start',
    read: text,
  },
  caCertificate: {
    flag: '--ca-certificate <file>',
    describe: 'an authority from outside instead of the built-in one: PEM of what signs, then what leads to the root',
    read: text,
  },
  caPrivateKey: { flag: '--ca-private-key <file>', describe: 'its private key, PEM', read: text },
  caRoot: {
    flag: '--ca-root <file>',
    describe: 'the roots that are trusted, PEM; without it --ca-certificate is the root',
    read: text,
  },
  certificateLifetime: {
    flag: '--certificate-lifetime <duration>',
    describe: 'of a certificate of a proxy; it is renewed at half of it',
    read: lifetime,
    default: 3_600_000,
  },
  renewalGrace: {
    flag: '--renewal-grace <duration>',
    describe:
      'how long after its end a certificate may still be renewed, so that proxies come back when control was away',
    read: durationMs,
    default: 86_400_000,
  },
  rotationPatience: {
    flag: '--rotation-patience <duration>',
    describe: 'how long a root rotation waits for proxies that have not applied the new root',
    read: durationMs,
    default: 600_000,
  },
  joinTokenFile: {
    flag: '--join-token-file <file>',
    describe: 'keep a reusable join token in this file (mode 0640), for proxies that read it from a shared volume',
    read: text,
  },
  joinTokenFor: {
    flag: '--join-token-for <service>',
    describe: 'whom that token is for; may come several times; without it any service or gateway',
    read: listOf(text),
    default: [] as string[],
  },
  collectorTokenFile: {
    flag: '--collector-token-file <file>',
    describe: 'keep a reusable join token for collectors in this file (mode 0640)',
    read: text,
  },
  readerTokenFile: {
    flag: '--reader-token-file <file>',
    describe: 'keep a read-only token in this file (mode 0640), for Prometheus and the like',
    read: text,
  },
  newAdminToken: {
    flag: '--new-admin-token',
    describe: 'write a new admin token to <data>/admin-token when that file is gone; those before stay good',
    read: flag,
    default: false,
  },
  ...commonSettings,
} as const

export type ControlSettings = ValuesOf<typeof controlSettings>
