import assert from 'node:assert/strict'
import { Agent, request } from 'node:https'
import { type TestContext, test } from 'node:test'
import { connect, type SecureContextOptions } from 'node:tls'
import fc from 'fast-check'
import { envoyNetworkRbac, envoyRbac } from '../../protocol/envoy/rbac.ts'
import type { Intentions } from '../../protocol/intentions.ts'
import { exchangeOf } from '../../proxy/asked-exchange.ts'
import { judgeConnection } from '../../proxy/authorize/connection-verdict.ts'
import { authorize, compileIntentions } from '../../proxy/authorize/verdict.ts'
import { type TestAuthority, testAuthority } from '../support/certificates.ts'
import { envoy, withoutEnvoy } from '../support/envoy.ts'
import { intentions, services } from '../unit/proxy/authorize/arbitrary.ts'

const SEED = 7
const POLICIES = 80
const CALLS_EACH = 40
const TCP_POLICIES = 40

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
  const tls = await transportSocket(authority)
  const port = (await envoy(t, { listeners: [requestListener(policies, tls)] })).portOf('judged')
  const ask = callersOf(t, await identities(authority), port)

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

test('a real Envoy that is given our network RBAC filter lets in the connections that our own proxies let in', {
  skip: withoutEnvoy,
}, async t => {
  const authority = await testAuthority('m')
  const policies = fc.sample(intentions, { numRuns: TCP_POLICIES, seed: SEED })
  const tls = await transportSocket(authority)
  const server = await envoy(t, { listeners: policies.map((one, index) => connectionListener(one, index, tls)) })
  const shown = await identities(authority)

  const wrong: unknown[] = []
  let allowed = 0
  for (const [index, one] of policies.entries()) {
    const compiled = compileIntentions(one)
    for (const [source, identity] of shown) {
      const standing = { status: 'told' as const, compiled, removal: undefined }
      const caller = { source, sourceId: source === '' ? '' : spiffeIdOf(source) }
      const ours = judgeConnection(standing, caller, undefined).failure === undefined
      const theirs = await echoes(server.portOf(`p${index}`), identity)
      if (ours) allowed++
      if (theirs !== ours) wrong.push({ policy: one, source, ours, theirs })
    }
  }

  assert.deepEqual(wrong, [])
  assert.ok(allowed > 0 && allowed < TCP_POLICIES * shown.size, `both verdicts are seen, ${allowed} are let in`)
})

/** Asks for certificates without insisting on one. */
async function transportSocket(authority: TestAuthority): Promise<unknown> {
  const own = await authority.certify({ spiffeId: spiffeIdOf('judged') })
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      common_tls_context: {
        tls_certificates: [
          { certificate_chain: { inline_string: own.chain }, private_key: { inline_string: own.key } },
        ],
        validation_context: { trusted_ca: { inline_string: authority.root } },
      },
    },
  }
}

function listener(name: string, filters: readonly unknown[], tls: unknown): unknown {
  return {
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [{ filters, transport_socket: tls }],
  }
}

/** Sends back what it reads, after the filter. */
function connectionListener(one: Intentions, index: number, tls: unknown): unknown {
  const echo = {
    name: 'envoy.filters.network.echo',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo' },
  }
  return listener(`p${index}`, [envoyNetworkRbac(one, 'm'), echo], tls)
}

/** Each policy is the filter of a host of its own, p0, p1, ... */
function requestListener(policies: readonly Intentions[], tls: unknown): unknown {
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
  return listener('judged', [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }], tls)
}

/** What each caller shows; '' shows nothing. */
async function identities(authority: TestAuthority): Promise<Map<string, SecureContextOptions>> {
  const shown = new Map<string, SecureContextOptions>([['', {}]])
  for (const service of services) {
    const { chain, key } = await authority.certify({ spiffeId: spiffeIdOf(service) })
    shown.set(service, { cert: chain, key })
  }
  return shown
}

/** Whether a byte comes back. */
function echoes(port: number, identity: SecureContextOptions): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...identity })
    socket.on('data', () => {
      resolve(true)
      socket.destroy()
    })
    socket.on('close', () => resolve(false))
    socket.on('error', () => {})
    socket.write('x')
  })
}

/** Calls with the certificate of whom they name. Resolves to the status. */
function callersOf(
  t: TestContext,
  shown: ReadonlyMap<string, SecureContextOptions>,
  port: number,
): (call: Call, policy: number) => Promise<number> {
  const agents = new Map(
    [...shown].map(([source, identity]) => [
      source,
      new Agent({ keepAlive: true, maxSockets: 4, rejectUnauthorized: false, ...identity }),
    ]),
  )
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
