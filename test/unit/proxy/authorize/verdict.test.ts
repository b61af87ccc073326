import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Intention, Intentions } from '../../../../protocol/intentions.ts'
import type { TextMatch } from '../../../../protocol/text-match.ts'
import { exchangeOf } from '../../../../proxy/asked-exchange.ts'
import { invalid, type TokenVerdict } from '../../../../proxy/authorize/jwt/token-verdict.ts'
import type { Asked } from '../../../../proxy/authorize/rule.ts'
import { authorize, compileIntentions } from '../../../../proxy/authorize/verdict.ts'
import { callers, claims, headerLines, intentions, methods, targets } from './arbitrary.ts'

interface Call {
  source?: string
  sourceId?: string
  method?: string
  url?: string
  fields?: string[]
  tokens?: Record<string, TokenVerdict | undefined>
}

const missing: TokenVerdict = { status: 'missing', detail: 'none' }

function askedOf({ source = 'report', sourceId, method = 'GET', url = '/', fields = [], tokens = {} }: Call): Asked {
  const { request } = exchangeOf({ method, url: '/', headers: {}, direction: 'inbound' })
  request.target = exchangeOf({ method, url: `http://x${url}`, headers: {}, direction: 'inbound' }).request.target
  request.fields = fields
  return {
    source,
    sourceId: sourceId ?? (source === '' ? '' : `spiffe://m/ns/default/dc/dc1/svc/${source}`),
    request,
    tokens: provider => (Object.hasOwn(tokens, provider) ? tokens[provider] : missing),
  }
}

type RuleOf = Partial<Intention> & Pick<Intention, 'action'>
const rulesOf = (list: RuleOf[], byDefault: 'allow' | 'deny' = 'deny'): Intentions => ({
  default: byDefault,
  rules: list.map((rule, index) => ({
    name: `r${index}`,
    dryRun: false,
    precedence: 9,
    source: { any: true },
    ...rule,
  })),
  jwt: {},
})
function ask(list: RuleOf[], call: Call, byDefault: 'allow' | 'deny' = 'deny') {
  const verdict = authorize(compileIntentions(rulesOf(list, byDefault)), askedOf(call))
  if (verdict.verdict === 'unverified') return `unverified ${verdict.provider}`
  return `${verdict.verdict} by ${verdict.intention}`
}

test('the first rule that fits decides, and none but the default when none does', () => {
  const rules: RuleOf[] = [
    { action: 'deny', source: { services: ['report'] }, path: '/a' },
    { action: 'allow', source: { services: ['report'] }, methods: ['GET'] },
    { action: 'deny', source: { any: true } },
  ]
  assert.equal(ask(rules, { url: '/a' }), 'deny by r0')
  assert.equal(ask(rules, { url: '/b' }), 'allow by r1')
  assert.equal(ask(rules, { url: '/b', method: 'POST' }), 'deny by r2')
  assert.equal(ask([], {}, 'allow'), 'allow by default')
  assert.equal(ask([], {}), 'deny by default')
})

test('everybody, in a rule that lets in, are those with an identity of this mesh; in one that turns away, all', () => {
  const control = { source: '', sourceId: 'spiffe://m/control' }
  for (const stranger of [{ source: '' }, control]) {
    assert.equal(ask([{ action: 'allow' }], stranger), 'deny by default')
    assert.equal(ask([{ action: 'deny' }], stranger, 'allow'), 'deny by r0')
  }
  assert.equal(ask([{ action: 'allow', source: { spiffe: 'spiffe://m/control' } }], control), 'allow by r0')
})

test('nobody gets past a rule by another writing of a path, a method or a header', () => {
  const closed: RuleOf[] = [{ action: 'deny', pathPrefix: '/admin' }]
  for (const url of [
    '/admin',
    '/%61dmin',
    '//admin',
    '/./admin/x',
    '/x/../admin',
    '/x/%2e%2e/admin',
    '/admin/?a',
    '/%41/../%61dmin',
  ])
    assert.equal(ask(closed, { url }, 'allow'), 'deny by r0', url)
  assert.equal(
    ask(closed, { url: '/%2561dmin' }, 'allow'),
    'allow by default',
    'an application that decodes once reads %61dmin',
  )
  const open: RuleOf[] = [{ action: 'allow', pathPrefix: '/public' }]
  for (const url of ['/public/../admin', '/public/%2e%2e/admin', '/publicity', '/PUBLIC'])
    assert.equal(ask(open, { url }), 'deny by default', url)
  assert.equal(ask([{ action: 'deny', methods: ['DELETE'] }], { method: 'delete' }, 'allow'), 'deny by r0')
  assert.equal(ask([{ action: 'allow', methods: ['GET'] }], { method: 'get' }), 'deny by default')
  const header: Record<string, TextMatch> = { 'x-role': { exact: 'admin' } }
  for (const fields of [
    ['x-role', 'user', 'x-role', 'admin'],
    ['x-role', 'user, admin'],
    ['x-role', 'admin', 'x-role', 'user'],
  ]) {
    assert.equal(ask([{ action: 'deny', headers: header }], { fields }, 'allow'), 'deny by r0', String(fields))
    assert.equal(ask([{ action: 'allow', headers: header }], { fields }), 'deny by default', String(fields))
  }
})

test('a dry-run rule decides nothing and is named when it would have decided', () => {
  const verdict = authorize(
    compileIntentions(
      rulesOf([
        { action: 'deny', dryRun: true, path: '/a' },
        { action: 'allow', pathPrefix: '/' },
        { action: 'deny', dryRun: true, path: '/a' },
      ]),
    ),
    askedOf({ url: '/a' }),
  )
  assert.ok(verdict.verdict === 'allow')
  assert.deepEqual(
    verdict.dryRun.map(({ name }) => name),
    ['r0'],
  )
})

const withToken: RuleOf = { action: 'allow', path: '/a', jwt: { provider: 'p', claims: { g: { exact: '1' } } } }

test('a token is asked for only when all else of a rule fits and no rule before decides', () => {
  const unverified = { p: undefined }
  assert.equal(ask([withToken], { url: '/a', tokens: unverified }), 'unverified p')
  assert.equal(ask([withToken], { url: '/b', tokens: unverified }), 'deny by default')
  assert.equal(ask([{ action: 'deny', path: '/a' }, withToken], { url: '/a', tokens: unverified }), 'deny by r0')
  assert.equal(ask([{ action: 'deny', pathPrefix: '/' }, withToken], { url: '/a', tokens: unverified }), 'deny by r0')
})

test('a denial says what token would have helped, unless a rule before denies anyway', () => {
  const lacking = (rules: RuleOf[], token: TokenVerdict) => {
    const verdict = authorize(compileIntentions(rulesOf(rules)), askedOf({ url: '/a', tokens: { p: token } }))
    assert.ok(verdict.verdict === 'deny')
    return verdict.lacking?.token
  }
  const expired = invalid('expired', 'the token is expired')
  const others: TokenVerdict = { status: 'valid', claims: { g: '2' } }
  for (const token of [missing, expired, others]) {
    assert.equal(lacking([withToken], token), token)
    assert.equal(lacking([withToken, { action: 'deny' }], token), token)
    assert.equal(lacking([{ action: 'deny' }, withToken], token), undefined)
  }
})

test('of a connection that nobody looks into only its caller is known: what would have to look lets nobody in and turns all away', () => {
  const connect = (rules: RuleOf[], byDefault: 'allow' | 'deny') => {
    const verdict = authorize(compileIntentions(rulesOf(rules, byDefault)), { ...askedOf({}), request: undefined })
    return verdict.verdict
  }
  assert.equal(connect([{ action: 'allow', source: { services: ['report'] } }], 'deny'), 'allow')
  assert.equal(connect([{ action: 'allow', source: { services: ['web'] } }], 'deny'), 'deny')
  assert.equal(connect([{ action: 'allow', path: '/a' }], 'deny'), 'deny')
  assert.equal(connect([{ action: 'deny', methods: ['GET'] }], 'allow'), 'deny')
  assert.equal(connect([{ action: 'deny', source: { services: ['web'] }, methods: ['GET'] }], 'allow'), 'allow')
})

// ---- the same, written without look-ups

function textFits(text: TextMatch, value: string | undefined): boolean {
  if (text.present !== undefined) return (value !== undefined) === text.present
  if (value === undefined) return false
  if (text.exact !== undefined) return value === text.exact
  if (text.prefix !== undefined) return value.startsWith(text.prefix)
  return new RegExp(`^(?:${text.regex})$`).test(value)
}

function linesFit(text: TextMatch, lines: string[], action: string): boolean {
  if (lines.length === 0) return textFits(text, undefined)
  if (action === 'allow') return lines.every(line => textFits(text, line))
  return lines.some(line => [line, ...line.split(',').map(item => item.trim())].some(item => textFits(text, item)))
}

interface World {
  source: string
  sourceId: string
  method: string
  path: string
  lines: [string, string][]
  tokens: Record<string, TokenVerdict>
}

function naiveFits(rule: Intention, { source, sourceId, method, path, lines, tokens }: World): boolean {
  const { services, spiffe } = rule.source
  if (services !== undefined && !services.includes(source)) return false
  if (spiffe !== undefined && (spiffe.endsWith('*') ? !sourceId.startsWith(spiffe.slice(0, -1)) : sourceId !== spiffe))
    return false
  if (rule.source.any && source === '' && rule.action === 'allow') return false
  if (rule.methods && !rule.methods.includes(rule.action === 'deny' ? method.toUpperCase() : method)) return false
  if (rule.path !== undefined && rule.path !== path) return false
  const prefix = rule.pathPrefix?.replace(/\/$/, '')
  if (prefix !== undefined && path !== prefix && !path.startsWith(`${prefix}/`)) return false
  if (rule.pathRegex !== undefined && !new RegExp(`^(?:${rule.pathRegex})$`).test(path)) return false
  for (const [name, text] of Object.entries(rule.headers ?? {})) {
    const values = lines.filter(([line]) => line === name).map(([, value]) => value)
    if (!linesFit(text, values, rule.action)) return false
  }
  if (rule.jwt === undefined) return true
  const token = tokens[rule.jwt.provider]!
  if (token.status !== 'valid') return false
  return Object.entries(rule.jwt.claims).every(([name, text]) => {
    const { g, n } = token.claims as { g?: string | string[]; n?: { m?: number } | string }
    const value = name === 'g' ? g : typeof n === 'object' ? n.m : undefined
    const values = value === undefined ? [undefined] : [value].flat().map(String)
    return values.some(one => textFits(text, one))
  })
}

const tokenVerdicts = fc.oneof(
  fc.constant(missing),
  fc.constant(invalid('expired', 'x')),
  claims.map((found): TokenVerdict => ({ status: 'valid', claims: found })),
)

test('the verdict is that of trying every rule in turn, whatever the rules and the call', () => {
  fc.assert(
    fc.property(
      intentions,
      callers,
      methods,
      targets,
      headerLines,
      tokenVerdicts,
      tokenVerdicts,
      (given, caller, method, [url, path], lines, p, q) => {
        const tokens = { p, q }
        const world: World = { ...caller, method, path: path!, lines, tokens }
        const deciding = given.rules.findIndex(rule => !rule.dryRun && naiveFits(rule, world))
        const before = deciding < 0 ? given.rules : given.rules.slice(0, deciding)

        const verdict = authorize(
          compileIntentions(given),
          askedOf({ ...caller, method, url: url!, fields: lines.flat(), tokens }),
        )

        assert.ok(verdict.verdict !== 'unverified')
        assert.equal(verdict.intention, given.rules[deciding]?.name ?? 'default')
        assert.equal(verdict.verdict, given.rules[deciding]?.action ?? given.default)
        assert.deepEqual(
          verdict.dryRun.map(({ name }) => name),
          before.filter(rule => rule.dryRun && naiveFits(rule, world)).map(({ name }) => name),
        )
      },
    ),
    { numRuns: 3000 },
  )
})
