import fc from 'fast-check'
import { formatDuration, formatShare } from '../../../../protocol/mesh-config/units.ts'

/** Valid mesh files as values: what a person may write, in every combination that the schema leaves free. */

const optional = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) => fc.record(fields, { requiredKeys: [] })

const duration = fc.integer({ min: 1, max: 86_400_000 }).map(formatDuration)
const short = fc.integer({ min: 1, max: 25 }).map(formatDuration)
const long = fc.integer({ min: 300_000, max: 86_400_000 }).map(formatDuration)
const share = fc.integer({ min: 1, max: 99_999_999 }).map(millionths => formatShare(millionths / 100e6))
const name = fc.constantFrom('a', 'b', 'c-1')
const version = fc.constantFrom('v1', '1.0', '2')
const path = fc.constantFrom('/', '/api', '/api/x%2F', '/ü')
const regex = fc.constantFrom('[a-z].*', '/v[0-9]+', '\\d{1,3}')
const methods = fc.uniqueArray(fc.constantFrom('GET', 'POST', 'M-SEARCH'), { minLength: 1 })
const word = fc.constantFrom('x', '1', 'true', 'off', '~', 'a: b', '# c', '*', '__proto__ ', 'é "', '<<')

const textMatch = fc.oneof(
  word,
  fc.record({ exact: word }),
  fc.record({ prefix: word }),
  fc.record({ regex }),
  fc.record({ present: fc.boolean() }),
)
const onePath = fc.oneof(fc.record({ path }), fc.record({ pathPrefix: path }), fc.record({ pathRegex: regex }))
const match = fc
  .tuple(
    onePath,
    optional({
      hosts: fc.constant(['a.example', '*.b.example']),
      methods,
      headers: fc.dictionary(fc.constantFrom('x-a', 'X-B', '__proto__'), textMatch),
      query: fc.dictionary(word, textMatch),
    }),
  )
  .map(([path, rest]) => ({ ...path, ...rest }))
const retries = fc.oneof(
  fc.constant('off'),
  optional({
    attempts: fc.integer({ min: 0, max: 10 }),
    on: fc.uniqueArray(fc.constantFrom('5xx', 'reset', 'retriable-status-codes')),
    statusCodes: fc.array(fc.integer({ min: 100, max: 599 }), { maxLength: 3 }),
    perTryTimeout: duration,
    budget: share,
    budgetPerSecond: fc.nat(1000),
    backoffBase: short,
    backoffMax: long,
  }),
)
const ejection = { baseEjection: short, maxEjection: long, maxEjected: share }
const policy = {
  protocol: fc.constantFrom('http', 'http2', 'grpc'),
  timeout: duration,
  connectTimeout: duration,
  idleTimeout: duration,
  retries,
  loadBalancing: optional({
    policy: fc.constantFrom('round-robin', 'least-request', 'random'),
    stickiness: fc.oneof(fc.record({ header: fc.constant('X-User') }), fc.record({ cookie: fc.constant('c') })),
  }),
  passiveHealthCheck: fc.oneof(
    fc.constant('off'),
    optional({ interval: duration, maxFailures: fc.integer({ min: 1, max: 9 }), ...ejection, panicBelow: share }),
  ),
  outlier: fc.oneof(fc.constant('off'), optional(ejection)),
  limits: optional({ maxConnections: fc.integer({ min: 1, max: 9 }), maxPending: fc.nat(9), maxRetries: fc.nat(9) }),
  slo: fc.record(
    { availability: share, latency: fc.record({ under: duration, share }), window: fc.constantFrom('1h', '30d') },
    { requiredKeys: ['availability'] },
  ),
  shift: fc.oneof(
    fc.constantFrom('automatic', 'dry-run', 'off'),
    optional({
      mode: fc.constantFrom('automatic', 'off'),
      holdFor: duration,
      returnOver: duration,
      maxChangePerMinute: share,
    }),
  ),
  mtls: fc.constantFrom('strict', 'permissive', 'off'),
}
const route = optional({ match, rewrite: fc.record({ host: fc.constant('h.example') }), timeout: duration, retries })
const headers = fc.dictionary(fc.constantFrom('x-a', 'X-B', '__proto__'), textMatch)
const jwt = fc.record(
  { provider: fc.constant('login'), claims: fc.dictionary(word, textMatch) },
  { requiredKeys: ['provider'] },
)
const rule = fc
  .tuple(
    fc.constantFrom('*', 'gateway', 'edge', 'spiffe://x/ns/*', 'spiffe://x/a'),
    optional({ methods, headers, jwt, dryRun: fc.boolean() }),
    fc.oneof(onePath, fc.constant({})),
  )
  .map(([from, rest, path]) => ({ from, ...rest, ...path }))
const rules = fc.array(rule, { maxLength: 3 })
const meshRules = fc.array(
  fc.tuple(rule, fc.constantFrom('allow', 'deny')).map(([parts, action]) => ({ ...parts, to: '*', action })),
  { maxLength: 3 },
)
const jwtProvider = fc.record(
  {
    issuer: word,
    audiences: fc.constant(['a', 'b']),
    jwks: fc.constantFrom({ file: 'k.json' }, { url: 'https://k.example/jwks' }),
    clockSkew: fc.constantFrom('0s', '1m'),
    header: fc.constantFrom('Authorization', 'x-token'),
    forward: fc.constantFrom({ sub: 'X-User', 'a.b': 'x-b' }, {}),
  },
  { requiredKeys: ['issuer', 'audiences', 'jwks'] },
)
const inside = optional({
  ...policy,
  versions: fc.dictionary(
    version,
    optional({ weight: fc.oneof(fc.nat(100), fc.double({ min: 0, max: 100, noNaN: true })) }),
  ),
  routes: fc.array(route, { maxLength: 3 }),
  allow: rules,
  // A service in clear text may turn away everybody only: whom else, it could not tell.
  deny: rules.map(list => list.map(one => ({ ...one, from: '*' }))),
})
const outside = fc.record(
  {
    endpoints: fc.constant(['10.0.3.7:8443', '[::1]:9']),
    tls: optional({ serverName: fc.constant('r.example'), caFile: fc.constant('ca.pem') }),
    timeout: duration,
  },
  { requiredKeys: ['endpoints'] },
)

const login = fc.record(
  {
    issuer: fc.constant('https://login.example'),
    clientId: word,
    clientSecretFile: fc.constant('/etc/s'),
    publicUrl: fc.constantFrom('https://shop.example', 'http://localhost:8080/'),
    scopes: fc.constant(['openid']),
    session: fc.constantFrom('1h', '30d'),
    cookie: fc.constantFrom('s', '__Host-s'),
    protect: fc.constant(['/a']),
    open: fc.constant(['/a/b']),
    forward: fc.constantFrom({}, { email: 'X-Login' }),
  },
  { requiredKeys: ['issuer', 'clientId', 'clientSecretFile', 'publicUrl'] },
)

/** Plain objects that stringify to a valid mesh.yaml. */
export const meshFiles = fc
  .record(
    {
      mesh: fc.constantFrom('m', 'expense-report'),
      trustDomain: fc.constantFrom('a.b', 'x'),
      telemetry: optional({
        sample: share,
        jaeger: fc.constant('http://jaeger:9411/api/v2/spans'),
        clickhouse: fc.constant('https://c:8123/?a=b'),
        sharedSpanContext: fc.boolean(),
        outsideContext: fc.constantFrom('continue', 'restart'),
      }),
      defaults: optional(policy),
      intentions: optional({ default: fc.constantFrom('deny', 'allow'), rules: meshRules }),
      jwt: fc.record({ login: jwtProvider }),
      services: fc.dictionary(name, fc.oneof({ weight: 5, arbitrary: inside }, outside, fc.constant(null)), {
        minKeys: 1,
      }),
      listen: fc.constantFrom('127.0.0.1:8080', '[::]:0'),
      gatewayRoutes: fc.array(route, { maxLength: 2 }),
      login: fc.option(login, { nil: undefined }),
    },
    { requiredKeys: ['mesh', 'services', 'listen', 'gatewayRoutes', 'jwt', 'login'] },
  )
  .map(({ listen, gatewayRoutes, login, ...file }) => {
    const service = Object.keys(file.services)[0]
    return {
      ...file,
      gateways: {
        edge: {
          listen,
          routes: gatewayRoutes.map(route => ({ ...route, to: { service } })),
          ...(login === undefined ? {} : { oidc: login }),
        },
      },
    }
  })
