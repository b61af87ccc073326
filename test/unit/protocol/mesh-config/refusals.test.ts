import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { refusalsOf } from './support.ts'

/** Rule, file after the line `mesh: m` with ▸ before the place that must be named, and what is said of it. */
type Case = [rule: string, file: string, said: string]

function hold(cases: Case[]): void {
  for (const [rule, file, said] of cases)
    it(rule, () => {
      const before = `mesh: m\n${file}`.split('▸', 1)[0]?.split('\n') ?? []
      const place = `mesh.yaml:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`
      assert.deepEqual(refusalsOf(`mesh: m\n${file.replace('▸', '')}`), [`${place} ${said}`])
    })
}

const service = (fields: string) => `services: { a: { allow: [{ from: "*" }], ${fields} } }`
const durations = 'a duration such as 250ms, 10s, 5m, 1h or 30d, at least 1ms'

describe('a field of the wrong type or unit is refused', () => {
  hold([
    [
      'a duration needs its unit',
      'defaults: { connectTimeout: ▸15 }',
      `defaults.connectTimeout: found 15 (a number), allowed: ${durations}`,
    ],
    [
      'a duration has bounds',
      'defaults: { connectTimeout: ▸0s }',
      `defaults.connectTimeout: found "0s" (it is too little), allowed: ${durations}`,
    ],
    [
      'a share needs its percent sign',
      'telemetry: { sample: ▸0.5 }',
      'telemetry.sample: found 0.5 (a number), allowed: a share such as 99.9%',
    ],
    [
      'a share is at most 100%',
      'telemetry: { sample: ▸101% }',
      'telemetry.sample: found "101%" (it is more than 100%), allowed: a share such as 99.9%',
    ],
    [
      'an objective of 100% leaves no error budget',
      service('slo: { availability: ▸100% }'),
      'services.a.slo.availability: found "100%" (it is too much), allowed: a share such as 99.9%, above 0% and below 100%',
    ],
    [
      'an objective of 0% asks nothing',
      service('slo: { latency: { under: 1s, share: ▸0% } }'),
      'services.a.slo.latency.share: found "0%" (it is too little), allowed: a share such as 99.9%, above 0% and below 100%',
    ],
    [
      'an objective that is no share',
      service('slo: { availability: ▸abc }'),
      'services.a.slo.availability: found "abc", allowed: a share such as 99.9%, above 0% and below 100%',
    ],
    [
      'an SLO window is at most 90d',
      service('slo: { availability: 99%, window: ▸91d }'),
      'services.a.slo.window: found "91d" (it is too much), allowed: a duration such as 250ms, 10s, 5m, 1h or 30d, at least 1m and at most 90d',
    ],
    [
      'a weight is not negative',
      service('versions: { v1: { weight: ▸-1 } }'),
      'services.a.versions.v1.weight: found -1 (a number), allowed: a number from 0 to 1000000',
    ],
    [
      'a weight is a number',
      service('versions: { v1: { weight: ▸50% } }'),
      'services.a.versions.v1.weight: found "50%", allowed: a number from 0 to 1000000',
    ],
    [
      'a weight is finite',
      service('versions: { v1: { weight: ▸.nan } }'),
      'services.a.versions.v1.weight: found .nan (a number), allowed: a number from 0 to 1000000',
    ],
    [
      'a count is whole',
      'defaults: { retries: { attempts: ▸1.5 } }',
      'defaults.retries.attempts: found 1.5 (a number), allowed: a whole number from 0 to 10',
    ],
    [
      'a word is one of the known',
      'defaults: { mtls: ▸yes }',
      'defaults.mtls: found "yes", allowed: strict, permissive or off',
    ],
    [
      'a policy that is not there yet names those that are',
      'defaults: { loadBalancing: { policy: ▸ring-hash } }',
      'defaults.loadBalancing.policy: found "ring-hash", allowed: round-robin, least-request or random',
    ],
    [
      'a flag is true or false',
      'telemetry: { sharedSpanContext: ▸on }',
      'telemetry.sharedSpanContext: found "on", allowed: true or false',
    ],
    ['a block is not a text', 'telemetry: ▸loud', 'telemetry: found "loud", allowed: a block of fields'],
    [
      'a word-or-block field names both',
      'defaults: { shift: ▸sometimes }',
      'defaults.shift: found "sometimes", allowed: automatic, dry-run, off or a block of fields',
    ],
    [
      'a list is not a text',
      service('endpoints: ▸10.0.0.1:80'),
      'services.a.endpoints: found "10.0.0.1:80", allowed: a list',
    ],
    [
      'a text is not a list',
      '▸trustDomain: [a]',
      'trustDomain: found a list, allowed: a domain such as expense-report.mesh, in lower case',
    ],
    [
      'a field with nothing behind it is not its default',
      '▸trustDomain:',
      'trustDomain: found nothing, allowed: a domain such as expense-report.mesh, in lower case',
    ],
    [
      'a URL has a scheme that spans can travel by',
      'telemetry: { jaeger: ▸"jaeger:9411" }',
      'telemetry.jaeger: found "jaeger:9411" (it is no http:// or https:// URL), allowed: a URL such as http://jaeger:9411/api/v2/spans',
    ],
    [
      'a header value that looks like a number says how to quote it',
      service('routes: [{ match: { headers: { x: ▸1 } } }]'),
      'services.a.routes[0].match.headers.x: found 1 (a number), allowed: a text of 1 to 1024 characters without control characters or a block of fields; in quotes: "1"',
    ],
    [
      'a method is in capitals',
      service('routes: [{ match: { methods: [▸get] } }]'),
      'services.a.routes[0].match.methods[0]: found "get", allowed: a method in capitals, such as GET',
    ],
    [
      'a path starts with a slash',
      service('routes: [{ match: { path: ▸api } }]'),
      'services.a.routes[0].match.path: found "api", allowed: a path such as /api/report, without query, blanks or double slashes',
    ],
    [
      'a path that normalising takes away can never match',
      service('routes: [{ match: { path: ▸/a/../b } }]'),
      'services.a.routes[0].match.path: found "/a/../b" (it can never match: dot segments are resolved before matching), allowed: a path such as /api/report, without query, blanks or double slashes',
    ],
    [
      'an empty list of methods would match nothing',
      service('routes: [{ match: { methods: ▸[] } }]'),
      'services.a.routes[0].match.methods: found 0 entries, allowed: at least 1',
    ],
    [
      'an endpoint has a port',
      service('endpoints: [▸10.0.3.7]'),
      'services.a.endpoints[0]: found "10.0.3.7" (it is no host:port), allowed: an address such as 127.0.0.1:8080, rates.example:443 or [::1]:8080',
    ],
    [
      'an endpoint of port 0 cannot be called',
      service('endpoints: [▸"a:0"]'),
      'services.a.endpoints[0]: found "a:0" (port 0 cannot be called), allowed: an address such as 127.0.0.1:8080, rates.example:443 or [::1]:8080',
    ],
    [
      'a listen address is one',
      'gateways: { edge: { listen: ▸":8080" } }',
      'gateways.edge.listen: found ":8080" (it is no host:port), allowed: an address such as 127.0.0.1:8080, rates.example:443 or [::1]:8080; 0.0.0.0:8080 for every interface',
    ],
  ])
})

describe('names', () => {
  const label = 'a name of a-z, 0-9 and -, starting and ending with a letter or digit, at most 63 characters'
  const version = 'a version name such as v2 or 1.4.0, of letters, digits, . _ and -, at most 63 characters'
  hold([
    [
      'a service name is a DNS label',
      'intentions: { default: allow }\nservices: { ▸Report_1: {} }',
      `services.Report_1: found "Report_1", allowed: ${label}`,
    ],
    [
      'a service name is at most 63 characters',
      `intentions: { default: allow }\nservices: { ▸${'a'.repeat(64)}: {} }`,
      `services.${'a'.repeat(64)}: found "${'a'.repeat(57)}...", allowed: ${label}`,
    ],
    [
      'a version name is bounded, too',
      service('versions: { ▸"v 1": {} }'),
      `services.a.versions["v 1"]: found "v 1", allowed: ${version}`,
    ],
    [
      'no service is called gateway, which means any gateway',
      'services: { ▸gateway: { allow: [{ from: "*" }] } }',
      'services.gateway: found gateway, allowed: another name such as edge: in allow rules, gateway means any gateway',
    ],
    [
      'no gateway has a name that a service has',
      `${service('')}\ngateways: { ▸a: { listen: "a:1" } }`,
      'gateways.a: found a, allowed: a name that no service has: both are identities of the mesh',
    ],
    ['a name stands once', 'services:\n  a: { allow: [{ from: "*" }] }\n  ▸a: {}', 'services.a: it stands here twice'],
    [
      'a header is named once, whatever its case',
      service('routes: [{ match: { headers: { X-A: b, ▸x-a: c } } }]'),
      'services.a.routes[0].match.headers.x-a: it stands here twice',
    ],
  ])
})

describe('fields', () => {
  hold([
    [
      'an unknown field names the nearest known',
      'telemetry: { ▸sampel: 1% }',
      'telemetry.sampel: there is no such field. Did you mean sample? Allowed: sample, jaeger, clickhouse, sharedSpanContext or outsideContext',
    ],
    [
      'an unknown field near to none names all',
      'intentions: { ▸zzzzzz: 1 }',
      'intentions.zzzzzz: there is no such field. Allowed: default or rules',
    ],
    [
      'a required field that was only misspelt is not missing as well',
      'gateways: { edge: { ▸lisen: "a:1" } }',
      'gateways.edge.lisen: there is no such field. Did you mean listen? Allowed: listen, routes, tls or oidc',
    ],
    [
      'a required field is missed',
      service('slo: { ▸latency: { under: 1s } }'),
      'services.a.slo.latency.share: it is missing; allowed: a share such as 99.9%, above 0% and below 100%',
    ],
    [
      'a merge key says what to do instead',
      'defaults: &d {}\nservices: { a: { ▸<<: *d, allow: [{ from: "*" }] } }',
      'services.a["<<"]: there is no such field. Merge keys are not supported: what services share goes under defaults. Allowed: versions, routes, protocol, timeout, connectTimeout, idleTimeout, retries, loadBalancing, passiveHealthCheck, outlier, limits, slo, shift, mtls, allow, deny, endpoints or tls',
    ],
    [
      'a match without a field is a slip',
      service('routes: [{ ▸match: {} }]'),
      'services.a.routes[0].match: found none of its fields, allowed: at least one of path, pathPrefix, pathRegex, hosts, methods, headers or query',
    ],
    [
      'a path is matched one way',
      service('routes: [{ ▸match: { path: /a, pathPrefix: /a } }]'),
      'services.a.routes[0].match: found path and pathPrefix, allowed: one of path, pathPrefix or pathRegex',
    ],
    [
      'a text match is one comparison',
      service('routes: [{ match: { headers: { ▸x: { exact: a, prefix: a } } } }]'),
      'services.a.routes[0].match.headers.x: found exact and prefix, allowed: one of exact, prefix, regex or present',
    ],
    [
      'a text match says something',
      service('routes: [{ match: { headers: { ▸x: {} } } }]'),
      'services.a.routes[0].match.headers.x: found none of its fields, allowed: at least one of exact, prefix, regex or present',
    ],
    [
      'stickiness is by header or cookie',
      service('loadBalancing: { ▸stickiness: { header: a, cookie: b } }'),
      'services.a.loadBalancing.stickiness: found header and cookie, allowed: one of header or cookie',
    ],
  ])
  it('a regular expression that could take exponential time is refused', () => {
    const line = service('routes: [{ match: { pathRegex: "(a+)+" } }]')
    const [said = '', ...more] = refusalsOf(`mesh: m\n${line}`)
    assert.ok(
      said.startsWith(
        `mesh.yaml:2:${line.indexOf('"(a') + 1} services.a.routes[0].match.pathRegex: found "(a+)+" (a repeated`,
      ),
      said,
    )
    assert.deepEqual(more, [])
  })
  it('the name of the mesh must stand', () =>
    assert.match(refusalsOf('services: {}').join(), /^mesh.yaml:1:1 mesh: it is missing; allowed: a name of/))
  it('an empty file misses its name', () => assert.match(refusalsOf('').join(), /^mesh.yaml:1:1 mesh: it is missing/))
  it('a file that is a list is no mesh file', () =>
    assert.deepEqual(refusalsOf('- a'), ['mesh.yaml:1:1 found a list, allowed: a block of fields']))
})
