import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readGood, refusalsOf } from './support.ts'

/** Services a (v1, v2), t (tcp) and o (outside), a gateway edge, all callable; `extra` is one more service, b. */
const mesh = (extra: string, edge = '') => `mesh: m
intentions: { default: allow }
services:
  a: { versions: { v1: {}, v2: {} } }
  t: { protocol: tcp }
  o: { endpoints: ["o.example:443"] }
  b: { ${extra} }
gateways: { edge: { listen: "127.0.0.1:0"${edge} } }`

/** The refusals of a file, without their places; that these are right is held by refusals.test.ts. */
const said = (text: string) => refusalsOf(text).map(refusal => refusal.replace(/^mesh.yaml:\d+:\d+ /, ''))

const b = (rule: string, extra: string, ...problems: string[]) =>
  it(rule, () => assert.deepEqual(said(mesh(extra)), problems))
const edge = (rule: string, routes: string, ...problems: string[]) =>
  it(rule, () => assert.deepEqual(said(mesh('', `, routes: ${routes}`)), problems))

describe('a route leads somewhere', () => {
  const route = 'services.b.routes[0]'
  b(
    'its service is in the file',
    'routes: [{ to: { service: c } }]',
    `${route}.to.service: found c, allowed: a service of this file: a, t, o or b`,
  )
  b(
    'its version is one of the service',
    'versions: { v1: {} }, routes: [{ to: { version: v2 } }]',
    `${route}.to.version: found v2, allowed: a version of b: v1`,
  )
  b(
    'the version of another service is that one’s',
    'routes: [{ to: { service: a, version: v3 } }]',
    `${route}.to.version: found v3, allowed: a version of a: v1 or v2`,
  )
  b(
    'a service outside the mesh has no versions',
    'routes: [{ to: { service: o, version: v1 } }]',
    `${route}.to.version: found v1, allowed: no version: o is outside the mesh and has none`,
  )
  b(
    'requests are not sent to a tcp service',
    'routes: [{ to: { service: t } }]',
    `${route}.to.service: found t, a tcp service, allowed: a service of protocol http, http2 or grpc`,
  )
  b(
    'a tcp service has no requests to route',
    'protocol: tcp, routes: [{ timeout: 1s }]',
    'services.b.routes: found routes of a tcp service, allowed: routes with protocol http, http2 or grpc',
  )
  b(
    'nor any that could be timed, told apart by a header, or sent twice',
    'protocol: tcp, slo: { latency: { under: 1s, share: 99% } }, loadBalancing: { stickiness: { header: x } }, retries: { on: [5xx, connect-failure], statusCodes: [409] }',
    'services.b.slo.latency: found latency of a tcp service, allowed: availability (of connections): no request is seen, so none is timed',
    'services.b.loadBalancing.stickiness: found stickiness of a tcp service, allowed: stickiness with protocol http, http2 or grpc: a connection has neither header nor cookie',
    'services.b.retries.on: found 5xx, allowed: connect-failure, for a tcp service: once a connection stands, nobody knows what may be sent twice',
    'services.b.retries.statusCodes: found status codes of a tcp service, allowed: none: no answer is read',
  )
  b(
    'a rewritten prefix needs the prefix that it stands in for',
    'routes: [{ match: { path: /a }, rewrite: { pathPrefix: /b } }]',
    `${route}.rewrite.pathPrefix: found a rewrite without match.pathPrefix, allowed: both, since the one stands in for the other`,
  )
  b(
    'two routes do not share a name',
    'routes: [{ name: x, match: { path: /a } }, { name: x }]',
    'services.b.routes[1].name: found x, allowed: each route name once in a list of routes',
  )
  edge(
    'a gateway route names a service',
    '[{ match: { path: /a } }]',
    'gateways.edge.routes[0].to: found no service, allowed: to.service: a gateway route must name one',
  )
  edge(
    'a gateway route names a service of the file',
    '[{ to: { service: aa } }]',
    'gateways.edge.routes[0].to.service: found aa, allowed: a service of this file: a, t, o or b',
  )
  it('a misspelt service is guessed', () =>
    assert.deepEqual(
      said(
        'mesh: m\nintentions: { default: allow }\nservices: { expense: {}, report: { routes: [{ to: { service: expnse } }] } }',
      ),
      ['services.report.routes[0].to.service: found expnse, allowed: a service of this file (did you mean expense?)'],
    ))
})

describe('a service is in the mesh or outside', () => {
  b(
    'versions do not go with endpoints',
    'endpoints: ["x:1"], versions: { v1: {} }',
    'services.b.versions: found versions beside endpoints, allowed: one of them: versions are told by instances that register',
  )
  b(
    'tls goes with endpoints',
    'tls: { serverName: x }',
    'services.b.tls: found tls without endpoints, allowed: tls for a service outside the mesh; inside, mtls says it',
  )
  b(
    'nobody looks at the methods of a call to the outside',
    'endpoints: ["x:1"], allow: [{ from: a, methods: [GET] }]',
    'services.b.allow[0]: found methods, allowed: from alone: outside the mesh no proxy looks at methods and paths',
  )
})

describe('a caller is somebody', () => {
  b(
    'of this file',
    'allow: [{ from: c }]',
    'services.b.allow[0].from: found c, allowed: a service or gateway of this file: a, t, o, b or edge',
  )
  b(
    'with an identity',
    'allow: [{ from: o }]',
    'services.b.allow[0].from: found o, allowed: a caller with an identity: a service outside the mesh has none',
  )
  it('a service, a gateway, any gateway or everybody', () => {
    const { config } = readGood(mesh('allow: [{ from: a }, { from: edge }, { from: gateway }, { from: "*" }]'))
    assert.deepEqual(
      config.services.get('b')?.allow.map(rule => rule.sources),
      [['a'], ['edge'], ['edge'], '*'],
    )
  })
})

describe('settings that belong together', () => {
  b(
    'an SLO has an objective',
    'slo: { window: 7d }',
    'services.b.slo: found no objective, allowed: at least one of availability and latency',
  )
  b(
    'an objective that does not fit is not missing as well',
    'slo: { availability: all }',
    'services.b.slo.availability: found "all", allowed: a share such as 99.9%, above 0% and below 100%',
  )
  b(
    'the first ejection is not longer than the longest',
    'outlier: { baseEjection: 10m }',
    'services.b.outlier.baseEjection: found 10m, allowed: baseEjection (10m) up to maxEjection (5m)',
  )
  b(
    'the same at the fuse',
    'passiveHealthCheck: { maxEjection: 1s }',
    'services.b.passiveHealthCheck.maxEjection: found 1s, allowed: baseEjection (30s) up to maxEjection (1s)',
  )
  b(
    'the first back-off is not longer than the longest',
    'retries: { backoffBase: 1s }',
    'services.b.retries.backoffBase: found 1s, allowed: backoffBase (1s) up to backoffMax (250ms)',
  )
  it('an order broken in defaults is told once, where it stands', () =>
    assert.deepEqual(
      refusalsOf(
        'mesh: m\nintentions: { default: allow }\ndefaults: { outlier: { baseEjection: 10m } }\nservices: { a: {}, b: {} }',
      ),
      ['mesh.yaml:3:38 defaults.outlier.baseEjection: found 10m, allowed: baseEjection (10m) up to maxEjection (5m)'],
    ))
  it('an order that the layers below make whole is fine', () => {
    const defaults = 'defaults: { outlier: { maxEjection: 1h } }'
    const { config } = readGood(`mesh: m\n${defaults}\nservices: { a: { outlier: { baseEjection: 10m } } }`)
    assert.equal(config.services.get('a')?.outlier?.maxEjectionMs, 3_600_000)
  })
})

describe('what is valid and hardly meant is a warning', () => {
  const warned = (rule: string, extra: string, ...warnings: string[]) =>
    it(rule, () =>
      assert.deepEqual(
        readGood(mesh(extra)).warnings.map(warning => warning.replace(/^mesh.yaml:\d+:\d+ /, '')),
        warnings,
      ),
    )
  warned(
    'all weights zero',
    'versions: { v1: { weight: 0 }, v2: { weight: 0 } }',
    'services.b.versions: all weights are zero: every request that no route sends to a version is answered 503',
  )
  warned(
    'a weight left out beside others',
    'versions: { v1: { weight: 50 }, v2: {} }',
    'services.b.versions.v2: it has no weight beside versions that have one: it takes 100',
  )
  warned(
    'routes behind one that fits everything',
    'routes: [{ timeout: 1s }, { match: { path: /a } }]',
    'services.b.routes[0]: it fits every request, so the 1 after it never match',
  )
  warned(
    'a version of a service that names none',
    'routes: [{ to: { version: v1 } }]',
    'services.b.routes[0].to.version: b names no versions: 503 until an instance registers as v1',
  )
  warned(
    'a regular expression that only says how the value starts',
    'routes: [{ match: { headers: { x: { regex: "^[a-z]" } } } }]',
    'services.b.routes[0].match.headers.x.regex: it must fit the whole value, so nothing may follow: write ^[a-z].* if anything may, ^[a-z]$ if not',
  )
  it('a service that nobody may call', () =>
    assert.deepEqual(readGood('mesh: m\nservices:\n  a:').warnings, [
      'mesh.yaml:3:3 services.a.allow: intentions deny by default and no rule allows anybody: nobody may call this service',
    ]))
  it('a rule for gateways where there is none', () =>
    assert.deepEqual(readGood('mesh: m\nservices: { a: { allow: [{ from: gateway }] } }').warnings, [
      'mesh.yaml:2:34 services.a.allow[0].from: this file has no gateway: the rule lets nobody in',
    ]))
})

describe('TLS of a gateway', () => {
  const tls = (rule: string, written: string, ...problems: string[]) =>
    it(rule, () => assert.deepEqual(said(mesh('', `, tls: ${written}`)), problems))
  const at = 'gateways.edge.tls'
  const pair = (n: number, hosts = '') => `{ certFile: ${n}.pem, keyFile: ${n}.key${hosts} }`
  tls(
    'certificates of users are required only with roots that they come from',
    `{ certificates: [${pair(1)}], require: true }`,
    `${at}.require: found require without clientCaFile, allowed: clientCaFile, too: whose certificates are believed?`,
  )
  tls(
    'one certificate at most is without hosts',
    `{ certificates: [${pair(1)}, ${pair(2)}] }`,
    `${at}.certificates[1]: found a second certificate without hosts, allowed: hosts: those without are shown the one of certificates[0]`,
  )
  tls(
    'a host has one certificate',
    `{ certificates: [${pair(1, ', hosts: [a.example]')}, ${pair(2, ', hosts: [b.example, a.example]')}] }`,
    `${at}.certificates[1].hosts: found a.example, allowed: a name that certificates[0] does not have`,
  )
  it('has its defaults: TLS 1.2, and nobody must show a certificate', () => {
    const { config } = readGood(mesh('', `, tls: { certificates: [${pair(1)}], clientCaFile: users.pem }`))
    assert.deepEqual(config.gateways.get('edge')?.tls, {
      minVersion: '1.2',
      certificates: [{ certFile: '1.pem', keyFile: '1.key', hosts: [] }],
      clientCaFile: 'users.pem',
      requireClientCertificate: false,
    })
  })
})
