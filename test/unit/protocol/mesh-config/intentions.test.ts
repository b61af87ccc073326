import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readMeshConfig } from '../../../../protocol/mesh-config/read.ts'
import { readGood, refusalsOf } from './support.ts'

/** Services a, t (tcp), o (outside) and b, a gateway edge, a provider login; `b` is what stands at the service b, `rest` at the top. */
const mesh = (b: string, rest = '', intentions = 'default: allow') => `mesh: m
intentions: { ${intentions} }
jwt: { login: { issuer: https://i, audiences: [a], jwks: { url: "https://i/jwks" } } }
services:
  a: {}
  t: { protocol: tcp }
  o: { endpoints: ["o.example:443"] }
  b: { ${b} }
gateways: { edge: { listen: "127.0.0.1:0" } }
${rest}`
const said = (text: string) => refusalsOf(text).map(refusal => refusal.replace(/^mesh.yaml:\d+:\d+ /, ''))
const refused = (rule: string, text: string, ...problems: string[]) =>
  it(rule, () => assert.deepEqual(said(text), problems))
const warned = (rule: string, text: string, ...warnings: string[]) =>
  it(rule, () =>
    assert.deepEqual(
      readGood(text).warnings.map(warning => warning.replace(/^mesh.yaml:\d+:\d+ /, '')),
      warnings,
    ),
  )

describe('a rule says what it can mean', () => {
  it('its callers are spelled out, its paths stand as requests carry them, its headers in lower case', () => {
    const { config } = readGood(
      mesh('deny: [{ name: closed, from: gateway, pathPrefix: /ü, headers: { X-A: "1" }, jwt: { provider: login } }]'),
    )
    assert.deepEqual(config.services.get('b')?.deny, [
      {
        name: 'closed',
        action: 'deny',
        from: 'gateway',
        sources: ['edge'],
        methods: [],
        pathPrefix: '/%C3%BC',
        headers: { 'x-a': { exact: '1' } },
        jwt: { provider: 'login', claims: {} },
        dryRun: false,
      },
    ])
  })
  it('a SPIFFE id names its caller itself', () => {
    const { config } = readGood(mesh('allow: [{ from: "spiffe://partner.mesh/ns/*" }]'))
    const [rule] = config.services.get('b')!.allow
    assert.deepEqual([rule?.sources, rule?.spiffe], [[], 'spiffe://partner.mesh/ns/*'])
  })
  it('rules have names of their own, and a line each', () => {
    const read = readMeshConfig(
      mesh('allow: [{ from: a }, { from: "*" }]', '', 'rules: [{ from: a, to: b, action: deny }]'),
      'mesh.yaml',
    )
    assert.equal(read.status, 'ok')
    assert.deepEqual(
      [...(read.status === 'ok' ? read.ruleLines : [])],
      [
        ['b allow 1', 8],
        ['b allow 2', 8],
        ['rule 1 deny', 2],
      ],
    )
  })
  refused(
    'a misspelt provider is guessed',
    mesh('allow: [{ from: a, jwt: { provider: logim } }]'),
    'services.b.allow[0].jwt.provider: found logim, allowed: a provider under jwt (did you mean login?)',
  )
  refused(
    'a rule over services names one',
    mesh('', '', 'rules: [{ from: a, to: c, action: deny }]'),
    'intentions.rules[0].to: found c, allowed: a service of this file: a, t, o or b',
  )
  refused(
    'its caller is somebody',
    mesh('', '', 'rules: [{ from: c, to: b, action: deny }]'),
    'intentions.rules[0].from: found c, allowed: a service or gateway of this file: a, t, o, b or edge',
  )
  refused(
    'two rules do not share a name',
    mesh('allow: [{ name: x, from: a }]', '', 'rules: [{ name: x, from: a, to: b, action: deny }]'),
    'intentions.rules[0].name: found x, allowed: each rule name once: services.b.allow.0 has it already',
  )
  refused(
    'a star of a SPIFFE id stands for whole segments',
    mesh('allow: [{ from: "spiffe://m.mesh*" }]'),
    'services.b.allow[0].from: found "spiffe://m.mesh*", allowed: a service, a gateway, `gateway` for any gateway, "*" for everybody, or a SPIFFE id such as spiffe://partner.mesh/ns/*',
  )
  refused(
    'a regular expression that may take for ever is refused in a header, too',
    mesh('allow: [{ from: a, headers: { x: { regex: "(a+)+" } } }]'),
    'services.b.allow[0].headers.x.regex: found "(a+)+" (a repeated group itself repeats or chooses, which can take exponential time), allowed: a JavaScript regular expression of at most 200 characters that fits the whole value (.* where anything may follow), without look-around, back-references or a repeated group that itself repeats or chooses',
  )
  refused(
    'a path that no normalised request has',
    mesh('deny: [{ from: a, path: /%61dmin }, { from: a, path: /a%2fb }]'),
    'services.b.deny[0].path: found "/%61dmin" (it can never match: what needs no escape is unescaped before matching), allowed: a path such as /api/report, without query, blanks or double slashes',
    'services.b.deny[1].path: found "/a%2fb" (it can never match: escapes are written in capitals before matching, as %2F), allowed: a path such as /api/report, without query, blanks or double slashes',
  )
})

describe('a rule is held where somebody can hold it', () => {
  refused(
    'of a tcp service no proxy reads requests',
    mesh('protocol: tcp, deny: [{ from: a, methods: [GET] }]'),
    'services.b.deny[0]: found methods, allowed: from alone: of a tcp service no proxy reads requests',
  )
  refused(
    'nor of one outside',
    mesh('', '', 'rules: [{ from: a, to: o, action: deny, path: /x }]'),
    'intentions.rules[0]: found path, allowed: from alone: outside the mesh no proxy looks at methods and paths',
  )
  refused(
    'who shows nothing of himself cannot be told apart and turned away',
    mesh('mtls: off, deny: [{ from: a }, { from: "*", path: /x }]'),
    'services.b.deny[0].from: found a, allowed: "*": b has mtls off, so no caller shows who it is and a rule that turns one of them away never fits',
  )
  warned(
    'nor let in',
    mesh('mtls: off, allow: [{ from: a }]'),
    'services.b.allow: mtls is off, so no caller shows who it is and no rule that allows one ever fits',
  )
  warned(
    'a token is no lock where the door is open',
    mesh('allow: [{ from: "*", jwt: { provider: login } }]'),
    'services.b.allow[0].jwt: intentions allow by default: who comes without the token is let in all the same, unless a less exact rule denies it',
  )
  warned(
    'a permissive service knows its callers only when they show themselves',
    mesh('mtls: permissive, deny: [{ from: a }]'),
    'services.b.deny[0].from: b is permissive: a may call in clear text without showing who it is, and is not turned away then',
  )
  warned(
    'a rule over all services lets callers in as well as one of its own',
    'mesh: m\nintentions: { rules: [{ from: "*", to: "*", action: allow }] }\nservices: { a: {} }',
  )
})

describe('a token provider', () => {
  const provider = (fields: string) =>
    `mesh: m\njwt: { p: { issuer: i, audiences: [a], jwks: { file: k.json }, ${fields} } }`
  it('has a skew and a header unless written', () => {
    assert.deepEqual(readGood(provider('forward: { sub: X-User }')).config.jwt.get('p'), {
      issuer: 'i',
      audiences: ['a'],
      jwks: { file: 'k.json' },
      clockSkewMs: 30_000,
      header: 'authorization',
      forward: new Map([['sub', 'x-user']]),
    })
  })
  for (const header of ['host', 'Connection', 'traceparent', 'x-b3-sampled', 'x-forwarded-for', 'X-Trimtab-Reason'])
    refused(
      `does not forward a claim as ${header}`,
      provider(`forward: { sub: ${header} }`),
      `jwt.p.forward.sub: found ${header}, allowed: a header of your own such as x-user: this one belongs to HTTP, to traces or to proxies`,
    )
  refused(
    'forwards each header once',
    provider('forward: { sub: x-user, name: X-User }'),
    'jwt.p.forward.name: found X-User, allowed: each header once: sub is forwarded as x-user already',
  )
  refused(
    'does not forward a claim where another one’s token is found',
    `mesh: m
jwt:
  p: { issuer: i, audiences: [a], jwks: { file: k.json }, forward: { sub: X-Token } }
  q: { issuer: i, audiences: [a], jwks: { file: k.json }, header: x-token }`,
    'jwt.p.forward.sub: found X-Token, allowed: a header that holds no token',
  )
  refused(
    'has its keys in one place',
    provider('').replace('{ file: k.json }', '{ file: k.json, url: "https://k" }'),
    'jwt.p.jwks: found file and url, allowed: one of file or url',
  )
})

describe('a login at a gateway', () => {
  const login = (fields: string) =>
    `mesh: m\ngateways: { edge: { listen: "127.0.0.1:0", oidc: { issuer: https://i, clientId: c, clientSecretFile: f, publicUrl: https://p, ${fields} } } }`
  it('has a default for all that a careful operator would choose', () =>
    assert.deepEqual(readGood(login('')).config.gateways.get('edge')?.oidc, {
      issuer: 'https://i',
      clientId: 'c',
      clientSecretFile: 'f',
      publicUrl: 'https://p',
      scopes: ['openid', 'profile', 'email'],
      callbackPath: '/oauth2/callback',
      logoutPath: '/oauth2/logout',
      sessionMs: 28_800_000,
      cookie: '__Host-trimtab-session',
      protect: ['/'],
      open: [],
      forward: {},
    }))
  refused(
    'is not in clear text, save on this machine',
    login('').replace('https://p', 'http://shop.example').replace('https://i', 'http://127.0.0.1:1'),
    'gateways.edge.oidc.publicUrl: found http://shop.example, allowed: https://, or http:// on this machine alone: who can listen could log in as anybody',
  )
  refused(
    'knows its origin, asks who logs in, and forwards no header of others',
    login('scopes: [email], forward: { sub: cookie }').replace('https://p', 'https://p/shop'),
    'gateways.edge.oidc.publicUrl: found https://p/shop, allowed: an origin such as https://shop.example, without a path',
    'gateways.edge.oidc.scopes: found email, allowed: openid among the scopes: without it nobody says who logged in',
    'gateways.edge.oidc.forward.sub: found cookie, allowed: a header of your own such as x-user: this one belongs to HTTP, to traces or to proxies',
  )
  refused(
    'does not tell in vain what the next proxy removes',
    `${login('forward: { email: X-User }')}
jwt: { p: { issuer: i, audiences: [a], jwks: { file: k.json }, forward: { sub: x-user } } }`,
    'gateways.edge.oidc.forward.email: found X-User, allowed: a header that no provider under jwt forwards: the proxies of services remove those',
  )
  refused(
    'has two paths of its own',
    login('callbackPath: /x, logoutPath: /x'),
    'gateways.edge.oidc.callbackPath: found /x, allowed: another path than logoutPath',
  )
})
