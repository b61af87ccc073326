import type { JoinToken } from '../protocol/identity.ts'
import {
  address,
  commonSettings,
  durationMs,
  flag,
  integer,
  listOf,
  number,
  oneOf,
  text,
  url,
} from '../runtime/setting-readers.ts'
import { type ProgramDescription, type Reader, SettingError, type ValuesOf } from '../runtime/settings.ts'
import { http2Limit } from './http2-limit-setting.ts'
import { DEFAULT_TCP_KEEPALIVE_MS, tcpKeepalive } from './keepalive.ts'
import { DEFAULT_HTTP2_UPSTREAM } from './send/http2-settings.ts'
import { target } from './target.ts'

export const program: ProgramDescription = {
  name: 'trimtab proxy',
  summary:
    'Carries requests beside an application (sidecar), at the edge (gateway), or from one port to one address (alone).',
  envPrefix: 'TRIMTAB_PROXY',
  operands: 'an application to start when the proxy is ready, after --',
  examples: [
    'trimtab proxy --service expense --version v1 --app 127.0.0.1:5001 --control https://10.0.0.2:8500 --join-token-file join-token',
    'trimtab proxy --service report --version v2 --app 127.0.0.1:5002 --upstream expense=9091 -- node app.js',
    'trimtab proxy --gateway edge --listen 127.0.0.1:8080 --join-token-file join-token',
    'trimtab proxy --listen 127.0.0.1:15001 --to 127.0.0.1:8081 --zipkin http://127.0.0.1:9411/api/v2/spans',
    'trimtab proxy --listen 127.0.0.1:15001 --to tcp://127.0.0.1:5432',
  ],
}

/** Where OpenTelemetry's Prometheus exporters listen. */
export const defaultAppMetrics = 'http://127.0.0.1:9464/metrics'

const upstreamPort: Reader<{ service: string; port: number }> = given => {
  const match = /^([a-z0-9][a-z0-9-]*)=(\d{1,5})$/.exec(given)
  if (!match || Number(match[2]) > 65_535) throw new SettingError('service=port such as expense=9091')
  return { service: match[1]!, port: Number(match[2]) }
}

const who = 'Who it is:'
const where = 'Where it listens:'
const whom = 'Whom it talks to:'
const how = 'How it behaves:'
const http2 = 'HTTP/2, which every port takes beside HTTP/1.1:'

export const settings = {
  service: { flag: '--service <name>', describe: 'service of the application beside it', read: text, group: who },
  version: { flag: '--version <name>', describe: "the application's version", read: text, default: 'v1', group: who },
  instance: {
    flag: '--instance <id>',
    describe: 'id of this instance, default <service>-<version>-<host>-<port>',
    read: text,
    group: who,
  },
  zone: { flag: '--zone <name>', describe: 'zone of this instance', read: text, group: who },
  gateway: {
    flag: '--gateway <name>',
    describe: 'be the gateway of this name in the mesh file',
    read: text,
    group: who,
  },

  inbound: {
    flag: '--inbound <address>',
    describe: 'takes requests for the application',
    read: address,
    default: { host: '127.0.0.1', port: 20_000 },
    group: where,
  },
  outbound: {
    flag: '--outbound <address>',
    describe: 'takes requests of the application',
    read: address,
    default: { host: '127.0.0.1', port: 15_001 },
    group: where,
  },
  upstream: {
    flag: '--upstream <service=port>',
    describe: 'a port of its own for one upstream; repeatable',
    read: listOf(upstreamPort),
    default: [],
    group: where,
  },
  listen: {
    flag: '--listen <address>',
    describe: 'gateway: takes requests from outside; alone: the port',
    read: address,
    group: where,
  },
  metrics: {
    flag: '--metrics <address>',
    describe: 'serves merged metrics',
    read: address,
    default: { host: '127.0.0.1', port: 20_200 },
    group: where,
  },
  admin: {
    flag: '--admin <address>',
    describe: 'serves the admin interface',
    read: address,
    default: { host: '127.0.0.1', port: 19_000 },
    group: where,
  },
  advertise: {
    flag: '--advertise <address>',
    describe:
      'address that other proxies are told, when it is not the one it listens on; of one that listens on every address (0.0.0.0), that from which it reaches control',
    read: address,
    group: where,
  },

  app: { flag: '--app <address>', describe: 'the application', read: address, group: whom },
  to: {
    flag: '--to <address>',
    describe: 'alone: where every request goes; h2c:// and https:// before it for HTTP/2 and TLS, tcp:// to carry TCP',
    read: target,
    group: whom,
  },
  appMetrics: {
    flag: '--app-metrics <url>',
    describe: "the application's metrics; repeatable; `none` for none",
    read: listOf(metricsUrl),
    default: [defaultAppMetrics],
    group: whom,
  },
  control: {
    flag: '--control <url>',
    describe:
      'control, for policy and identity; https://127.0.0.1:8500 for a proxy with a join token or a kept certificate, http://127.0.0.1:8500 for one with neither',
    read: url,
    group: whom,
  },
  joinTokenFile: {
    flag: '--join-token-file <file>',
    describe: 'holds the join token, the proof for the first certificate; or TRIMTAB_PROXY_JOIN_TOKEN is the token',
    read: text,
    group: whom,
  },
  snapshot: { flag: '--snapshot <file>', describe: 'a policy file instead of control', read: text, group: whom },
  collector: {
    flag: '--collector <url>',
    describe: 'collector for traffic reports, default: what control says',
    read: url,
    group: whom,
  },
  zipkin: { flag: '--zipkin <url>', describe: 'where spans go, default: what control says', read: url, group: whom },

  data: {
    flag: '--data <directory>',
    describe: 'keeps the last good snapshot, and key and certificate (mode 0600)',
    read: text,
    group: how,
  },
  certificates: {
    flag: '--certificates <directory>',
    describe: 'gateway: where certificate files that the mesh file names are, when not named from the root',
    read: text,
    default: '.',
    group: how,
  },
  tlsMin: {
    flag: '--tls-min <version>',
    describe: '1.3 | 1.2: oldest TLS that is spoken within the mesh',
    read: oneOf('1.3', '1.2'),
    default: '1.3' as const,
    group: how,
  },
  sample: {
    flag: '--sample <share>',
    describe: 'alone: share of new traces that is kept, 0 to 1',
    read: number(0, 1),
    default: 1,
    group: how,
  },
  outlier: {
    flag: '--outlier <switch>',
    describe: 'on | off: local fuse when alone',
    read: oneOf('on', 'off'),
    default: 'on' as const,
    group: how,
  },
  timeout: {
    flag: '--timeout <duration>',
    describe: 'alone: deadline of a request',
    read: durationMs,
    default: 15_000,
    group: how,
  },
  accessLog: {
    flag: '--access-log <format>',
    describe: 'off | json | text',
    read: oneOf('off', 'json', 'text'),
    default: 'off' as const,
    group: how,
  },
  accessLogFile: {
    flag: '--access-log-file <file>',
    describe: 'where the access log goes, - for stdout',
    read: text,
    default: '-',
    group: how,
  },
  conflicts: {
    flag: '--metrics-conflicts <what>',
    describe: 'drop | prefix: a family that two sources type differently',
    read: oneOf('drop', 'prefix'),
    default: 'drop' as const,
    group: how,
  },
  drain: {
    flag: '--drain <duration>',
    describe: 'how long running requests may take to end',
    read: durationMs,
    default: 3000,
    group: how,
  },
  maxConnections: {
    flag: '--max-connections <n>',
    describe: 'downstream connections per listener',
    read: integer(1, 1_000_000),
    default: 20_000,
    group: how,
  },
  tcpKeepalive: {
    flag: '--tcp-keepalive <duration>',
    describe: 'silence on a connection, either side, after which TCP asks whether the far end is there; 0s: never',
    read: tcpKeepalive,
    default: DEFAULT_TCP_KEEPALIVE_MS,
    group: how,
  },
  trustForwarded: {
    flag: '--trust-forwarded',
    describe: 'gateway: take x-forwarded-* from outside as they are',
    read: flag,
    default: false,
    group: how,
  },
  http1Only: {
    flag: '--http1-only <port>',
    describe: 'inbound | outbound | listen: takes no HTTP/2 there; repeatable',
    read: listOf(oneOf('inbound', 'outbound', 'listen')),
    default: [],
    group: http2,
  },
  http2Limit: {
    flag: '--http2-limit <name=n>',
    describe: 'what one client may do, as resets_burst=200; names as in trimtab_http2_limit_total; repeatable',
    read: listOf(http2Limit),
    default: [],
    group: http2,
  },
  http2Keepalive: {
    flag: '--http2-keepalive <duration>',
    describe: 'silence with requests under way, after which a client is asked whether it is there',
    read: durationMs,
    default: 30_000,
    group: http2,
  },
  http2UpstreamConnections: {
    flag: '--http2-upstream-connections <n>',
    describe: 'to one endpoint, each opened when the streams of the others are taken',
    read: integer(1, 1000),
    default: DEFAULT_HTTP2_UPSTREAM.connectionsPerEndpointMax,
    group: http2,
  },
  http2UpstreamPing: {
    flag: '--http2-upstream-ping <duration>',
    describe: 'silence behind a request, after which an endpoint is asked whether it is there',
    read: durationMs,
    default: DEFAULT_HTTP2_UPSTREAM.pingAfterMs,
    group: http2,
  },
  http2UpstreamLimit: {
    flag: '--http2-upstream-limit <name=n>',
    describe: 'what one endpoint may do; names as for --http2-limit; repeatable',
    read: listOf(http2Limit),
    default: [],
    group: http2,
  },
  maxConnectionAge: {
    flag: '--max-connection-age <duration>',
    describe: 'an older connection takes no new requests and ends with those under way; 0s: none is too old',
    read: durationMs,
    default: 0,
    group: http2,
  },
  ...commonSettings,
} as const

export type ProxySettings = ValuesOf<typeof settings> & {
  /** A secret, so it has no flag: join-token.ts reads it. */
  joinToken?: JoinToken | undefined
}

function metricsUrl(given: string): string {
  return given === 'none' ? given : url(given)
}
