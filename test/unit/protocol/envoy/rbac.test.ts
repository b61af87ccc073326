import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { envoyNetworkRbac, envoyRbac } from '../../../../protocol/envoy/rbac.ts'
import type { Intention, Intentions } from '../../../../protocol/intentions.ts'
import { exchangeOf } from '../../../../proxy/asked-exchange.ts'
import { authorize, compileIntentions } from '../../../../proxy/authorize/verdict.ts'
import { services } from '../../proxy/authorize/arbitrary.ts'

type Json = Record<string, never>

test('intentions look as Consul writes them: url_path, :method, and callers by the regex of their SPIFFE id', () => {
  const rule: Intention = {
    name: 'expense allow 1',
    action: 'allow',
    dryRun: false,
    precedence: 9,
    source: { services: ['report'] },
    methods: ['GET'],
    pathPrefix: '/api/expense/trip',
  }
  const filter = envoyRbac({ default: 'deny', rules: [rule], jwt: {} }, 'expense-report.mesh')
  assert.deepEqual(filter, {
    name: 'envoy.filters.http.rbac',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC',
      rules: {
        action: 'ALLOW',
        policies: {
          'consul-intentions-layer7-0': {
            permissions: [
              {
                and_rules: {
                  rules: [
                    {
                      or_rules: {
                        rules: [
                          { url_path: { path: { exact: '/api/expense/trip' } } },
                          { url_path: { path: { prefix: '/api/expense/trip/' } } },
                        ],
                      },
                    },
                    { header: { name: ':method', string_match: { exact: 'GET' } } },
                  ],
                },
              },
            ],
            principals: [
              {
                authenticated: {
                  principal_name: {
                    safe_regex: { regex: '^spiffe://expense-report\\.mesh/ns/default/dc/[^/]+/svc/report$' },
                  },
                },
              },
            ],
          },
        },
      },
    },
  })
})

// ---- Envoy's own reading of the filter, as far as it is used here

function allowedBy(filter: Json, call: { id: string; path: string; method: string }): boolean {
  const { action, policies } = (filter as never as { typed_config: { rules: { action: string; policies: Json } } })
    .typed_config.rules
  const some = Object.values(policies as Record<string, { permissions: Json[]; principals: Json[] }>).some(
    ({ permissions, principals }) =>
      permissions.some(permission => fits(permission, call)) && principals.some(principal => fits(principal, call)),
  )
  return action === 'ALLOW' ? some : !some
}

function fits(node: Json, call: { id: string; path: string; method: string }): boolean {
  const [[kind, value]] = Object.entries(node as Record<string, Json>) as [[string, Json]]
  const list = (name: string) => (value as never as Record<string, Json[]>)[name]!
  if (kind === 'any') return true
  if (kind === 'and_rules') return list('rules').every(one => fits(one, call))
  if (kind === 'or_rules') return list('rules').some(one => fits(one, call))
  if (kind === 'and_ids') return list('ids').every(one => fits(one, call))
  if (kind === 'not_rule' || kind === 'not_id') return !fits(value, call)
  if (kind === 'header')
    return (value as never as { string_match: { exact: string } }).string_match.exact === call.method
  if (kind === 'authenticated') {
    const { regex } = (value as never as { principal_name: { safe_regex: { regex: string } } }).principal_name
      .safe_regex
    return call.id !== '' && new RegExp(regex).test(call.id)
  }
  const match = (value as never as { path: { exact?: string; prefix?: string } }).path
  return match.exact === undefined ? call.path.startsWith(match.prefix!) : call.path === match.exact
}

const path = fc.constantFrom('/a', '/a/b', '/b')
/** They overlap with services, with each other, and with everybody of the mesh. */
const ids = [
  'spiffe://m/*',
  'spiffe://m/ns/default/dc/dc1/*',
  'spiffe://m/ns/default/dc/dc1/svc/*',
  'spiffe://m/ns/default/dc/dc2/svc/web',
  'spiffe://m/ns/default/dc/dc1/svc/w*',
  'spiffe://m/ns/default/dc/d*',
  'spiffe://other/*',
  '*',
]
const rules: fc.Arbitrary<Omit<Intention, 'name'>[]> = fc.array(
  fc
    .tuple(
      fc.constantFrom<'allow' | 'deny'>('allow', 'deny'),
      fc.oneof(
        fc.constant({ any: true as const }),
        fc.subarray(services, { minLength: 1 }).map(names => ({ services: names })),
        fc.constantFrom(...ids).map(spiffe => ({ spiffe })),
      ),
      fc.oneof(
        fc.constant({}),
        path.map(exact => ({ path: exact })),
        path.map(pathPrefix => ({ pathPrefix })),
      ),
      fc.oneof(
        fc.constant({}),
        fc.constant({}).map(() => ({ methods: ['GET'] })),
      ),
    )
    .map(([action, source, where, how]) => ({ action, source, dryRun: false, precedence: 9, ...where, ...how })),
  { maxLength: 6 },
)

test('an Envoy that is given the filter lets in whom our own rules let in', () => {
  fc.assert(
    fc.property(
      rules,
      fc.constantFrom<'allow' | 'deny'>('allow', 'deny'),
      fc.constantFrom(...services, 'stranger', ''),
      fc.constantFrom('spiffe://m/ns/default/dc/dc1/svc/', 'spiffe://m/ns/default/dc/dc2/svc/', 'spiffe://other/svc/'),
      path,
      fc.constantFrom('GET', 'POST'),
      (list, byDefault, name, domain, target, method) => {
        const intentions: Intentions = {
          default: byDefault,
          rules: list.map((rule, n) => ({ name: `r${n}`, ...rule })),
          jwt: {},
        }
        const id = name === '' ? '' : `${domain}${name}`
        // A certificate of another trust domain names no service of this one.
        const source = domain.startsWith('spiffe://m/') ? name : ''
        const { request } = exchangeOf({ method, url: target, headers: {}, direction: 'inbound' })
        const verdict = authorize(compileIntentions(intentions), {
          source,
          sourceId: id,
          request,
          tokens: () => ({ status: 'missing', detail: '' }),
        })
        assert.equal(
          allowedBy(envoyRbac(intentions, 'm') as Json, { id, path: target, method }),
          verdict.verdict === 'allow',
        )
      },
    ),
    { numRuns: 3000 },
  )
})

test('an Envoy that is given the network filter takes the connections that our own rules let in, by policies of layer 4 alone', () => {
  fc.assert(
    fc.property(
      rules,
      fc.constantFrom<'allow' | 'deny'>('allow', 'deny'),
      fc.constantFrom(...services, 'stranger', ''),
      (list, byDefault, source) => {
        const named = list.map((rule, n) => ({ name: `r${n}`, ...rule }))
        const intentions: Intentions = { default: byDefault, rules: named, jwt: {} }
        const id = source === '' ? '' : `spiffe://m/ns/default/dc/dc1/svc/${source}`
        const asked = { source, sourceId: id, request: undefined, tokens: () => undefined }

        const filter = envoyNetworkRbac(intentions, 'm') as Json

        const { verdict } = authorize(compileIntentions(intentions), asked)
        assert.equal(allowedBy(filter, { id, path: '', method: '' }), verdict === 'allow')
        assert.doesNotMatch(JSON.stringify(filter), /layer7|url_path|header/)
      },
    ),
    { numRuns: 1000 },
  )
})
