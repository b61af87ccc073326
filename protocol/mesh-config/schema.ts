import Type, { type Static } from 'typebox'
import { block, duration, type Field, flag, list, named, share, text, weight, word, wordOr } from './fields.ts'
import { gatewayTls } from './schema-gateway.ts'
import { allow, deny, intentions, jwtProviders } from './schema-intentions.ts'
import { oidc } from './schema-oidc.ts'
import { limits, loadBalancing, outlier, passiveHealthCheck } from './schema-policy.ts'
import { retries, routes, timeout } from './schema-route.ts'

/** mesh.yaml as a person writes it. What it comes to, with every default applied, is MeshConfig (config.ts). */

const opt = Type.Optional

const slo = block(
  {
    availability: opt(
      share({ description: 'Share of requests that must be good.', above: '0%', below: '100%', example: '99.9%' }),
    ),
    latency: opt(
      block(
        {
          under: duration({ description: 'Answered within this time ...', least: '1ms', example: '250ms' }),
          share: share({ description: '... by this share of requests.', above: '0%', below: '100%', example: '99%' }),
        },
        { description: 'How fast answers must be.' },
      ),
    ),
    window: opt(
      duration({ description: 'Over what time the objectives hold.', default: '30d', least: '1m', most: '90d' }),
    ),
  },
  {
    description:
      'What the service promises; at least one of availability and latency. Without it, only versions are compared.',
  },
)

const shift = wordOr(
  ['automatic', 'dry-run', 'off'],
  block(
    {
      mode: opt(
        word(['automatic', 'dry-run', 'off'], {
          description: 'dry-run writes down what it would do and moves nothing.',
          default: 'automatic',
        }),
      ),
      holdFor: opt(
        duration({ description: 'How long a version that was shifted away stays at 0.', default: '30s', most: '1d' }),
      ),
      returnOver: opt(
        duration({ description: 'Over what time its weight then comes back.', default: '60s', most: '1d' }),
      ),
      maxChangePerMinute: opt(
        share({
          description: 'On the way back, what share of all weight may move within a minute; leaving is not bound.',
          default: '100%',
          above: '0%',
        }),
      ),
    },
    { description: 'The mode, and the way back.' },
  ),
  { description: 'May control move weights by itself; a word, or a block that also tells the way back.', default: {} },
)

/** What `defaults` may set for every service. */
const policy = {
  protocol: opt(
    word(['http', 'http2', 'grpc', 'tcp'], {
      description:
        'What the application speaks: http is HTTP/1.1, http2 and grpc are HTTP/2 without TLS (h2c), and its callers may speak either: that is detected. tcp is anything else: connections are carried as they are, and reached through `--upstream <service>=<port>`.',
      default: 'http',
    }),
  ),
  timeout: opt(timeout),
  connectTimeout: opt(duration({ description: 'Deadline of a connection attempt.', default: '1s', least: '1ms' })),
  idleTimeout: opt(
    duration({
      description:
        'An idle connection to an endpoint is closed after this time. Of a tcp service: a connection through which nothing passes, 1h unless written.',
      default: '60s',
      least: '1ms',
    }),
  ),
  retries: opt(retries),
  loadBalancing: opt(loadBalancing),
  passiveHealthCheck: opt(passiveHealthCheck),
  outlier: opt(outlier),
  limits: opt(limits),
  slo: opt(slo),
  shift: opt(shift),
  mtls: opt(
    word(['strict', 'permissive', 'off'], {
      description: 'strict: only proxies of this mesh get in; permissive: plain text, too; off: plain text only.',
      default: 'strict',
    }),
  ),
}

const service = block(
  {
    versions: opt(
      named(
        'version',
        block(
          { weight: opt(weight({ description: 'Its share; weights need not add up to 100.', default: 100 })) },
          { description: 'One version.' },
        ),
        64,
        {
          description:
            'The versions and how traffic is shared. None written: every version that registers gets the same share.',
          default: {},
          example: '{ v1: { weight: 90 }, v2: { weight: 10 } }',
        },
      ),
    ),
    routes: opt(routes(1000, 'Where requests to this service go; what no route fits goes by the weights.')),
    ...policy,
    allow: opt(allow),
    deny: opt(deny),
    endpoints: opt(
      list(text('endpoint', { description: 'host:port.' }), 1000, {
        description:
          'A service outside the mesh: where it is. Without it, the proxies beside the instances register them.',
        minItems: 1,
        example: '[10.0.3.7:8443]',
      }),
    ),
    tls: opt(
      block(
        {
          serverName: opt(
            text('domain', { description: 'The name to ask for and to check; the endpoint’s host unless written.' }),
          ),
          caFile: opt(
            text('file', { description: 'Roots to trust (PEM), relative to this file; the system’s unless written.' }),
          ),
        },
        { description: 'Speak TLS to the endpoints of a service outside the mesh.' },
      ),
    ),
  },
  { description: 'One service. Everything has a default: `report:` alone is valid.' },
)
export type ServiceWritten = Static<typeof service>

const defaults = block(policy, {
  description: 'For every service; any service may override, field by field.',
  default: {},
})
export type PolicyWritten = Static<typeof defaults>

const gateway = block(
  {
    listen: text('listen', {
      description: 'Where users connect; port 0 takes any free one.',
      example: '127.0.0.1:8080',
    }),
    routes: opt(routes(10_000, 'Which requests are let in, and to which service; all else is answered 404 (flag NR).')),
    tls: opt(gatewayTls),
    oidc: opt(oidc),
  },
  { description: 'One way into the mesh from outside.' },
)

const telemetry = block(
  {
    sample: opt(
      share({ description: 'Of traces that arrive without a decision, how many are sampled.', default: '100%' }),
    ),
    jaeger: opt(
      text('url', {
        description:
          'Where the collector ships spans, Zipkin JSON; a path /v1/traces means OTLP. Nowhere unless written.',
        example: 'http://jaeger:9411/api/v2/spans',
      }),
    ),
    clickhouse: opt(
      text('url', {
        description: 'A ClickHouse server; the one in the collector unless written.',
        example: 'http://clickhouse:8123',
      }),
    ),
    sharedSpanContext: opt(
      flag({
        description: 'true: both proxies of a hop share one span id, as Zipkin once did; false: parent and child.',
        default: false,
      }),
    ),
    outsideContext: opt(
      word(['continue', 'restart'], {
        description: 'What a gateway does with trace headers from outside.',
        default: 'continue',
      }),
    ),
  },
  { description: 'What is measured and where it goes.', default: {} },
)
export type TelemetryWritten = Static<typeof telemetry>

export const MeshFile = block(
  {
    mesh: text('label', { description: 'The name of the mesh.', example: 'expense-report' }),
    trustDomain: opt(text('domain', { description: 'Of the SPIFFE ids; <mesh>.mesh unless written.' })),
    telemetry: opt(telemetry),
    defaults: opt(defaults),
    intentions: opt(intentions),
    jwt: opt(jwtProviders),
    services: opt(named('label', service, 5000, { description: 'The services, by name.', default: {} })),
    gateways: opt(named('label', gateway, 100, { description: 'The gateways, by name.', default: {} })),
  },
  { description: 'The whole mesh in one file.' },
)
export type MeshFile = Static<typeof MeshFile>

/** The schema as generic code walks it: the same nodes, without typebox's own types. */
export const meshField = MeshFile as unknown as Field
export const serviceField = service as unknown as Field
export const defaultsField = defaults as unknown as Field
export const oidcField = oidc as unknown as Field
export const retriesField = retries as unknown as Field
