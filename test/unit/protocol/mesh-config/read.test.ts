import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import type { ServiceConfig } from '../../../../protocol/mesh-config/config.ts'
import { readGood } from './support.ts'

/** The service `a` of a mesh whose defaults and service block are given. */
function serviceOf(service: string, defaults = '{}', rest = ''): ServiceConfig {
  const { config } = readGood(`mesh: m\ndefaults: ${defaults}\nservices: { a: ${service}${rest} }`)
  const found = config.services.get('a')
  assert.ok(found)
  return found
}

describe('everything has a default', () => {
  it('a service is one line, even an empty one', () => {
    assert.deepEqual(serviceOf(''), {
      name: 'a',
      protocol: 'http',
      versions: new Map(),
      routes: [],
      balancing: 'least-request',
      timeoutMs: 15_000,
      connectTimeoutMs: 1_000,
      idleTimeoutMs: 60_000,
      retries: {
        attempts: 2,
        on: ['connect-failure', 'gateway-error', 'reset'],
        statusCodes: [],
        perTryTimeoutMs: 3_000,
        budget: 0.2,
        budgetPerSecond: 10,
        backoffBaseMs: 25,
        backoffMaxMs: 250,
      },
      limits: { maxConnections: 1024, maxPending: 1024, maxRequests: 1024, maxRetries: 10 },
      passiveHealthCheck: {
        intervalMs: 10_000,
        maxFailures: 3,
        baseEjectionMs: 30_000,
        maxEjectionMs: 300_000,
        maxEjected: 0.5,
        panicBelow: 0.5,
      },
      outlier: { baseEjectionMs: 30_000, maxEjectionMs: 300_000, maxEjected: 0.5 },
      shift: { mode: 'automatic', holdForMs: 30_000, returnOverMs: 60_000, maxChangePerMinute: 1 },
      mtls: 'strict',
      allow: [],
      deny: [],
    })
  })
  it('a mesh is one line', () => {
    const { config, warnings } = readGood('mesh: m')
    assert.deepEqual(warnings, [])
    assert.deepEqual(config, {
      mesh: 'm',
      trustDomain: 'm.mesh',
      telemetry: { sample: 1, sharedSpanContext: false, outsideContext: 'continue' },
      intentionsDefault: 'deny',
      intentionRules: [],
      jwt: new Map(),
      services: new Map(),
      gateways: new Map(),
    })
  })
  it('a version without a weight takes 100', () =>
    assert.deepEqual(
      serviceOf('{ versions: { v1:, v2: {} } }').versions,
      new Map([
        ['v1', { weight: 100 }],
        ['v2', { weight: 100 }],
      ]),
    ))
})

describe('a service stands over defaults, field by field', () => {
  it('a block only replaces the fields that it writes', () => {
    const { retries } = serviceOf('{ retries: { attempts: 5 } }', '{ retries: { perTryTimeout: 1s, on: [5xx] } }')
    assert.deepEqual([retries.attempts, retries.perTryTimeoutMs, retries.on], [5, 1_000, ['5xx']])
  })
  it('off over a block is off', () => {
    const service = serviceOf('{ retries: off, passiveHealthCheck: off, outlier: off }', '{ retries: { attempts: 5 } }')
    assert.deepEqual([service.retries.attempts, service.passiveHealthCheck, service.outlier], [0, undefined, undefined])
  })
  it('a block over off is on, with the schema’s defaults', () => {
    const { retries, outlier } = serviceOf('{ retries: { on: [5xx] }, outlier: {} }', '{ retries: off, outlier: off }')
    assert.deepEqual([retries.attempts, retries.on, outlier?.maxEjected], [2, ['5xx'], 0.5])
  })
  it('shift as a word changes the mode and keeps the way back', () => {
    const { shift } = serviceOf('{ shift: dry-run }', '{ shift: { mode: off, holdFor: 5s } }')
    assert.deepEqual([shift.mode, shift.holdForMs, shift.returnOverMs], ['dry-run', 5_000, 60_000])
  })
  it('stickiness is taken whole', () => {
    const { stickiness } = serviceOf(
      '{ loadBalancing: { stickiness: { header: X-User } } }',
      '{ loadBalancing: { stickiness: { cookie: c } } }',
    )
    assert.deepEqual(stickiness, { header: 'x-user' })
  })
  it('an SLO window in defaults promises nothing by itself', () => {
    assert.equal(serviceOf('{}', '{ slo: { window: 7d } }').slo, undefined)
    assert.deepEqual(serviceOf('{ slo: { availability: 99% } }', '{ slo: { window: 7d } }').slo, {
      availability: 0.99,
      windowMs: 604_800_000,
    })
  })
})

describe('routes', () => {
  it('have names of their own', () => {
    const { routes } = serviceOf(
      '{ routes: [{ match: { path: /1 } }, { name: a-3, match: { path: /2 } }, { match: { path: /3 } }] }',
    )
    assert.deepEqual(
      routes.map(route => route.name),
      ['a-1', 'a-3', 'a-3-'],
    )
  })
  it('take what they do not say of retries from the service that they lead to', () => {
    const rest = ', b: { routes: [{ to: { service: a }, retries: { attempts: 1 } }] }'
    const { config } = readGood(`mesh: m\nservices: { a: { retries: { on: [5xx] } }${rest} }`)
    const retries = config.services.get('b')?.routes[0]?.retries
    assert.deepEqual([retries?.attempts, retries?.on], [1, ['5xx']])
  })
  it('leave retries and the timeout to the service when they say nothing', () => {
    const [route] = serviceOf('{ routes: [{ match: { path: /1 } }] }').routes
    assert.deepEqual(route, { name: 'a-1', match: { path: '/1' } })
  })
  it('of a gateway take them from the service, too', () => {
    const { config } = readGood(
      'mesh: m\nservices: { a: { retries: off } }\ngateways: { e: { listen: "A.example:080", routes: [{ to: { service: a }, timeout: 2s, retries: { attempts: 1 } }] } }',
    )
    const gateway = config.gateways.get('e')
    assert.deepEqual(
      [gateway?.listen, gateway?.routes[0]?.timeoutMs, gateway?.routes[0]?.retries?.attempts],
      ['a.example:80', 2_000, 1],
    )
  })
  it('match headers by lower-case name, a plain text meaning exactly that', () => {
    const { routes } = serviceOf(
      '{ routes: [{ match: { headers: { X-A: b, X-B: { present: false } }, query: { Q: { prefix: r } } } }] }',
    )
    assert.deepEqual(routes[0]?.match, {
      headers: { 'x-a': { exact: 'b' }, 'x-b': { present: false } },
      query: { Q: { prefix: 'r' } },
    })
  })
})

it('a service outside the mesh has addresses and perhaps TLS', () => {
  const { outside } = serviceOf('{ endpoints: ["10.0.3.7:8443"], tls: { serverName: rates.example, caFile: ca.pem } }')
  assert.deepEqual(outside, { endpoints: ['10.0.3.7:8443'], tls: { serverName: 'rates.example', caFile: 'ca.pem' } })
})

describe('the demo’s mesh', () => {
  const { config, warnings } = readGood(readFileSync(new URL('../../../../demo/mesh.yaml', import.meta.url), 'utf8'))
  it('is read without a warning', () => assert.deepEqual(warnings, []))
  it('splits both services in halves', () => {
    const weights = [...config.services.values()].map(service => [service.name, [...service.versions]])
    assert.deepEqual(weights, [
      [
        'report',
        [
          ['v2', { weight: 50 }],
          ['v3', { weight: 50 }],
        ],
      ],
      [
        'expense',
        [
          ['v1', { weight: 50 }],
          ['v2', { weight: 50 }],
        ],
      ],
    ])
  })
  it('lets in the calls of the talk and no other', () => {
    const allowed = [...config.services.values()].flatMap(({ name, allow }) =>
      allow.map(({ from, methods, path, pathPrefix }) => `${from} > ${name} ${methods} ${path ?? `${pathPrefix}*`}`),
    )
    assert.equal(config.intentionsDefault, 'deny')
    assert.deepEqual(allowed, [
      'gateway > report GET /api/report/expense/version',
      'gateway > report GET /api/report/trip*',
      'report > expense GET /api/expense/trip*',
      'report > expense GET /api',
      'gateway > expense POST /api/expense',
    ])
  })
})
