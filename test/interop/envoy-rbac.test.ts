import assert from 'node:assert/strict'
import { Agent, request } from 'node:https'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { envoyRbac } from '../../protocol/envoy/rbac.ts'
import type { Intentions } from '../../protocol/intentions.ts'
import { exchangeOf } from '../../proxy/asked-exchange.ts'
import { authorize, compileIntentions } from '../../proxy/authorize/verdict.ts'
import { type TestAuthority, testAuthority } from '../support/certificates.ts'
import { envoy, withoutEnvoy } from '../support/envoy.ts'
import { intentions, services } from '../unit/proxy/authorize/arbitrary.ts'

const SEED = 7
const POLICIES = 80
const CALLS_EACH = 40

interface Call {
  source: string
  method: string
  path: string
  headers: Record<string, string>
}

const call: fc.Arbitrary<Call> = fc.record({
  source: fc.constantFrom(...services, ''),
  method: fc.constantFrom('GET', 'POST', 'DELETE'),
  path: fc.constantFrom('/', '/a', '/a?x=/b', '/a/b', '/a/', '/ab', '/b', '/a%2Fb'),
  headers: fc.dictionary(fc.constantFrom('x-a', 'x-b'), fc.constantFrom('1', '2', '12', 'z')),
})

/** Tokens are another filter's matter. */
const policy = intentions.map(({ rules, ...rest }) => ({
  ...rest,
  rules: rules.filter(({ jwt }) => jwt === undefined),
}))

test('a real Envoy that is given our RBAC filter lets in whom our own proxies let in', {
  skip: withoutEnvoy,
}, async t => {
  const authority = await testAuthority('m')
  const policies = fc.sample(policy, { numRuns: POLICIES, seed: SEED })
  const port = (await envoy(t, await resourcesOf(policies, authority))).portOf('judged')
  const ask = await callersOf(t, authority, port)

  const wrong: unknown[] = []
  let allowed = 0
  for (const [index, one] of policies.entries()) {
    const compiled = compileIntentions(one)
    const calls = fc.sample(call, { numRuns: CALLS_EACH, seed: SEED + index })
    const theirs = await Promise.all(calls.map(each => ask(each, index)))
    for (const [at, each] of calls.entries()) {
      const ours = verdictOf(compiled, each)
      if (ours === 200) allowed++
      if (theirs[at] !== ours) wrong.push({ policy: one, call: each, ours, theirs: theirs[at] })
    }
  }

  assert.deepEqual(wrong, [])
  const share = allowed / (POLICIES * CALLS_EACH)
  assert.ok(share > 0.1 && share < 0.9, `both verdicts are seen, ${share} of the calls are let in`)
})

function verdictOf(compiled: ReturnType<typeof compileIntentions>, { source, method, path, headers }: Call): number {
  const { request: asked } = exchangeOf({ method, url: path, headers, direction: 'inbound' })
  const sourceId = source === '' ? '' : spiffeIdOf(source)
  const tokens = () => ({ status: 'missing' as const, detail: '' })
  return authorize(compiled, { source, sourceId, request: asked, tokens }).verdict === 'allow' ? 200 : 403
}

/** One listener that asks for certificates without insisting; each policy is the filter of a host of its own, p0, p1, ... */
async function resourcesOf(policies: readonly Intentions[], authority: TestAuthority): Promise<unknown> {
  const own = await authority.certify({ spiffeId: spiffeIdOf('judged') })
  const filterOf = ({ typed_config }: Record<string, unknown>) => typed_config as Record<string, unknown>
  const perRoute = (one: Intentions) => {
    const { '@type': _, ...rbac } = filterOf(envoyRbac(one, 'm'))
    return { '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute', rbac }
  }
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'judged',
    route_config: {
      virtual_hosts: policies.map((one, index) => ({
        name: `p${index}`,
        domains: [`p${index}`],
        typed_per_filter_config: { 'envoy.filters.http.rbac': perRoute(one) },
        routes: [{ match: { prefix: '/' }, direct_response: { status: 200 } }],
      })),
    },
    http_filters: [
      {
        name: 'envoy.filters.http.rbac',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC' },
      },
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  }
  const tls = {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
    common_tls_context: {
      tls_certificates: [{ certificate_chain: { inline_string: own.chain }, private_key: { inline_string: own.key } }],
      validation_context: { trusted_ca: { inline_string: authority.root } },
    },
  }
  return {
    listeners: [
      {
        name: 'judged',
        address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
        filter_chains: [
          {
            filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
            transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: tls },
          },
        ],
      },
    ],
  }
}

/** Calls with the certificate of whom they name; '' without one. Resolves to the status. */
async function callersOf(
  t: TestContext,
  authority: TestAuthority,
  port: number,
): Promise<(call: Call, policy: number) => Promise<number>> {
  const agents = new Map<string, Agent>()
  for (const source of [...services, '']) {
    const shown = source === '' ? undefined : await authority.certify({ spiffeId: spiffeIdOf(source) })
    const identity = shown === undefined ? {} : { cert: shown.chain, key: shown.key }
    agents.set(source, new Agent({ keepAlive: true, maxSockets: 4, rejectUnauthorized: false, ...identity }))
  }
  t.after(() => {
    for (const agent of agents.values()) agent.destroy()
  })
  return ({ source, method, path, headers }, index) =>
    new Promise((resolve, reject) => {
      const agent = agents.get(source)!
      const asked = request({
        host: '127.0.0.1',
        port,
        agent,
        method,
        path,
        headers: { ...headers, host: `p${index}` },
      })
      asked.on('error', reject)
      asked.on('response', answer => {
        answer.resume()
        answer.on('end', () => resolve(answer.statusCode ?? 0))
      })
      asked.end()
    })
}

function spiffeIdOf(service: string): string {
  return `spiffe://m/ns/default/dc/dc1/svc/${service}`
}
