import type { JoinToken } from '../protocol/identity.ts'
import { address, commonSettings, durationMs, integer, oneOf, text, url } from '../runtime/setting-readers.ts'
import { type ProgramDescription, type Reader, SettingError, type ValuesOf } from '../runtime/settings.ts'

/** Where spans, traffic and decisions are kept for asking. */
export type ClickHouseChoice = 'embedded' | 'off' | `http${string}`

const clickHouse: Reader<ClickHouseChoice> = given => {
  if (given === 'embedded' || given === 'off') return given
  try {
    return url(given) as `http${string}`
  } catch {
    throw new SettingError('embedded | off | a URL such as http://user:password@127.0.0.1:8123')
  }
}

const sizeUnits = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const

/** `512MiB`, `4GiB` or plain bytes, within [min, max]. */
function sizeBytes(min: number, max: number): Reader<number> {
  return given => {
    const match = /^(\d+(?:\.\d+)?)\s*(KiB|MiB|GiB|TiB|)$/.exec(given)
    const value = match ? Math.round(Number(match[1]) * sizeUnits[match[2] as keyof typeof sizeUnits]) : Number.NaN
    if (!(value >= min && value <= max)) throw new SettingError(`a size from ${min} to ${max} bytes, such as 512MiB`)
    return value
  }
}

const databaseName: Reader<string> = given => {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(given)) throw new SettingError('a database name of letters, digits and _')
  return given
}

const MiB = 1024 ** 2
const GiB = 1024 ** 3

export const collectorProgram: ProgramDescription = {
  name: 'trimtab collector',
  summary:
    'Takes spans and traffic reports, never loses what it acknowledged, ships and stores them, and answers queries.',
  envPrefix: 'TRIMTAB_COLLECTOR',
  examples: [
    'trimtab collector                                        everything on loopback, ClickHouse in process',
    'trimtab collector --jaeger http://127.0.0.1:9411         spans also go to a Jaeger or a Zipkin',
    'trimtab collector --clickhouse http://127.0.0.1:8123     store in a ClickHouse server',
    'trimtab collector --control https://10.0.0.2:8500 --join-token-file token      speaks TLS, and believes this mesh alone',
    'trimtab collector --clickhouse off                       keep only the recent window in memory',
  ],
}

export const collectorSettings = {
  data: {
    flag: '--data <dir>',
    describe: 'directory of the segment log, the quarantine and the embedded ClickHouse; made if absent',
    read: text,
    default: '.trimtab/collector',
  },
  zipkin: {
    flag: '--zipkin <address>',
    describe: 'takes spans, reports and decisions; answers the Zipkin and Jaeger query APIs and the live stream',
    read: address,
    default: { host: '127.0.0.1', port: 9411 },
    group: 'Listens on:',
  },
  health: {
    flag: '--health <address>',
    describe: 'GET /health and /ready',
    read: address,
    default: { host: '127.0.0.1', port: 13133 },
    group: 'Listens on:',
  },
  telemetry: {
    flag: '--telemetry <address>',
    describe: "GET /metrics of the collector's own",
    read: address,
    default: { host: '127.0.0.1', port: 8888 },
    group: 'Listens on:',
  },
  tls: {
    flag: '--tls <mode>',
    describe:
      'permissive: clear text is taken beside TLS | strict: whatever comes to --zipkin in clear text is refused; TLS needs --control',
    read: oneOf('permissive', 'strict'),
    default: 'permissive' as const,
    group: 'Listens on:',
  },
  control: {
    flag: '--control <url>',
    describe:
      'https URL of control: gives the certificate for TLS, and the roots by which reports and decisions are believed',
    read: url,
    group: 'Identity:',
  },
  joinTokenFile: {
    flag: '--join-token-file <file>',
    describe:
      'holds the join token (trimtab token create --collector), the proof for the first certificate; it may come later; or TRIMTAB_COLLECTOR_JOIN_TOKEN is the token',
    read: text,
    group: 'Identity:',
  },
  meshRoots: {
    flag: '--mesh-roots <where>',
    describe:
      'without --control: reports and decisions count only from who proves itself by a certificate of the mesh: base URL of control (over a way that you trust) or a PEM file of its roots; without either, everybody is believed',
    read: text,
    group: 'Identity:',
  },
  jaeger: {
    flag: '--jaeger <url>',
    describe: 'Jaeger or Zipkin that also gets every span, as Zipkin JSON; without a path, /api/v2/spans is meant',
    read: url,
    group: 'Ships to:',
  },
  clickhouse: {
    flag: '--clickhouse <where>',
    describe: 'embedded | off | URL of a ClickHouse server (http://user:password@host:8123)',
    read: clickHouse,
    default: 'embedded' as ClickHouseChoice,
    group: 'Ships to:',
  },
  clickhouseDatabase: {
    flag: '--clickhouse-database <name>',
    describe: 'database of the tables; made if absent',
    read: databaseName,
    default: 'trimtab',
    group: 'Ships to:',
  },
  clickhouseMemoryBytes: {
    flag: '--clickhouse-memory <size>',
    describe: 'memory that the embedded ClickHouse may use for queries, inserts and caches',
    read: sizeBytes(128 * MiB, 1024 * GiB),
    default: 512 * MiB,
    group: 'Ships to:',
  },
  retentionMs: {
    flag: '--retention <duration>',
    describe: 'how long ClickHouse keeps spans and traffic; decisions are kept ten times as long',
    read: durationMs,
    default: 7 * 86_400_000,
    group: 'Ships to:',
  },
  bodyBytesMax: {
    flag: '--body-max <size>',
    describe: 'largest request body, after decompression',
    read: sizeBytes(1024, GiB),
    default: 16 * MiB,
    group: 'Limits:',
  },
  memoryBytesMax: {
    flag: '--memory-max <size>',
    describe: 'bodies and unsynced records held at once; over it spans are answered 429',
    read: sizeBytes(MiB, 64 * GiB),
    default: 128 * MiB,
    group: 'Limits:',
  },
  diskBytesMax: {
    flag: '--disk-max <size>',
    describe: 'largest segment log; over it spans are answered 429 until shippers have caught up',
    read: sizeBytes(64 * 1024, 1024 * 1024 * GiB),
    default: 4 * GiB,
    group: 'Limits:',
  },
  segmentBytesMax: {
    flag: '--segment-max <size>',
    describe: 'a segment of the log is closed at this size',
    read: sizeBytes(4096, 4 * GiB),
    default: 64 * MiB,
    group: 'Limits:',
  },
  recentBytesMax: {
    flag: '--recent-max <size>',
    describe: 'memory for the newest traces, which answer queries before ClickHouse has them',
    read: sizeBytes(0, 64 * GiB),
    default: 64 * MiB,
    group: 'Limits:',
  },
  recentTracesMax: {
    flag: '--recent-traces-max <count>',
    describe: 'how many of the newest traces are kept in memory',
    read: integer(0, 10_000_000),
    default: 10_000,
    group: 'Limits:',
  },
  reportersMax: {
    flag: '--reporters-max <count>',
    describe: 'proxies that may report at once',
    read: integer(1, 1_000_000),
    default: 10_000,
    group: 'Limits:',
  },
  trafficKeysMax: {
    flag: '--traffic-keys-max <count>',
    describe: 'distinct (source, upstream, version, endpoint, route) of live traffic; more are counted as overflow',
    read: integer(1, 10_000_000),
    default: 100_000,
    group: 'Limits:',
  },
  ...commonSettings,
} as const

export type CollectorSettings = ValuesOf<typeof collectorSettings> & {
  /** Asked whenever a certificate has to be had without another proof; undefined: there is none. */
  joinToken(): JoinToken | undefined
}

/** What does not go together, and what to do; undefined: all is well. */
export function settingsProblem({ control, meshRoots, tls }: ValuesOf<typeof collectorSettings>): string | undefined {
  if (control !== undefined && new URL(control).protocol !== 'https:')
    return `--control ${control} gives no identity: control must be named by https`
  if (control !== undefined && meshRoots !== undefined) return '--control tells the roots, too: leave out --mesh-roots'
  if (control === undefined && tls === 'strict')
    return '--tls strict needs a certificate: name control by --control, and give a join token'
  return undefined
}
