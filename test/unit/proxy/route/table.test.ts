import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Route, RouteMatch } from '../../../../protocol/snapshot.ts'
import type { RequestHead } from '../../../../proxy/exchange.ts'
import { normalizePath } from '../../../../proxy/path.ts'
import { compileRoutes } from '../../../../proxy/route/table.ts'

const request = (target: string, fields: string[] = [], method = 'GET', authority = 'expense'): RequestHead => ({
  method,
  target,
  authority,
  scheme: 'http',
  fields,
  protocol: 'HTTP/1.1',
  contentLength: 0,
  hasBody: false,
  upgrade: '',
  expectContinue: false,
  acceptsTrailers: false,
})
const routes = (...matches: RouteMatch[]): Route[] => matches.map((match, index) => ({ name: `r${index}`, match }))
const found = (list: Route[], target: string, fields?: string[], method?: string, authority?: string) =>
  compileRoutes(list)(request(target, fields, method, authority), target.split('?')[0]!)?.name

test('the first route in the order written that matches wins, whatever kind it is', () => {
  assert.equal(found(routes({ pathPrefix: '/' }, { path: '/api' }), '/api'), 'r0')
  assert.equal(found(routes({ path: '/api' }, { pathPrefix: '/' }), '/api'), 'r0')
  assert.equal(
    found(routes({ headers: { 'x-debug': { exact: '1' } } }, { path: '/api' }), '/api', ['x-debug', '1']),
    'r0',
  )
  assert.equal(found(routes({ headers: { 'x-debug': { exact: '1' } } }, { path: '/api' }), '/api'), 'r1')
})

test('a prefix ends where a segment ends', () => {
  const list = routes({ pathPrefix: '/api' })
  assert.equal(found(list, '/api'), 'r0')
  assert.equal(found(list, '/api/x'), 'r0')
  assert.equal(found(list, '/apiary'), undefined)
  assert.equal(found(routes({ pathPrefix: '/api/' }), '/api/x'), 'r0')
})

test('every condition of a match must hold: method, host, header, query, regex of the whole path', () => {
  const list = routes({
    pathRegex: '/api/\\d+',
    methods: ['GET'],
    hosts: ['*.example.com'],
    headers: { a: { prefix: 'x' }, b: { present: false } },
    query: { q: { regex: '[0-9]+' } },
  })
  const good = ['/api/1?q=5', ['a', 'xyz'], 'GET', 'shop.example.com:80'] as const
  const hit = (target: string, fields: readonly string[], method: string, authority: string) =>
    compileRoutes(list)(request(target, [...fields], method, authority), target.split('?')[0]!) !== undefined
  assert.ok(hit(...good))
  assert.ok(!hit('/api/1/2?q=5', good[1], good[2], good[3]))
  assert.ok(!hit(good[0], good[1], 'POST', good[3]))
  assert.ok(!hit(good[0], good[1], good[2], 'example.com'))
  assert.ok(!hit(good[0], ['a', 'yx'], good[2], good[3]))
  assert.ok(!hit(good[0], [...good[1], 'b', ''], good[2], good[3]))
  assert.ok(!hit('/api/1?q=x', good[1], good[2], good[3]))
})

const segment = fc.constantFrom('a', 'b', 'api', 'apiary')
const path = fc.array(segment, { maxLength: 4 }).map(parts => `/${parts.join('/')}`)
const match = fc.oneof(
  path.map(value => ({ path: value })),
  path.map(value => ({ pathPrefix: value })),
  fc.record({ pathPrefix: path, methods: fc.constant(['POST']) }),
  fc.constant({ headers: { h: { exact: '1' } } }),
)
const naive = (list: Route[], target: string, method: string, header: boolean) =>
  list.find(({ match: { path: exact, pathPrefix, methods, headers } }) => {
    const prefix = pathPrefix?.replace(/\/$/, '')
    return (
      (exact === undefined || exact === target) &&
      (prefix === undefined || target === prefix || target.startsWith(`${prefix}/`)) &&
      (methods === undefined || methods.includes(method)) &&
      (headers === undefined || header)
    )
  })?.name

test('the table finds what trying every route in turn would find', () => {
  fc.assert(
    fc.property(
      fc.array(match, { maxLength: 12 }),
      path,
      fc.constantFrom('GET', 'POST'),
      fc.boolean(),
      (matches, target, method, header) => {
        const list = routes(...(matches as RouteMatch[]))
        assert.equal(found(list, target, header ? ['h', '1'] : [], method), naive(list, target, method, header))
      },
    ),
  )
})

test('a normalised path holds no dot segment and no double slash, and stays as it is', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', '..', '.', '', '%2f', '%2e%2e', '...', '%%36%31', '%', '%4', '%41%'), {
        maxLength: 8,
      }),
      fc.constantFrom('', '?x=/../y//z'),
      (parts, query) => {
        const once = normalizePath(`/${parts.join('/')}${query}`)
        assert.equal(normalizePath(once), once)
        const before = once.split('?')[0]!
        assert.ok(before.startsWith('/') && !before.includes('//') && !/\/\.\.?(\/|$)/.test(before), once)
        assert.ok(once.endsWith(query))
      },
    ),
  )
  assert.equal(normalizePath('/a/../../etc/passwd'), '/etc/passwd')
  assert.equal(normalizePath('/a//b/./c/'), '/a/b/c/')
  assert.equal(normalizePath('/a%2f..%2fb'), '/a%2F..%2Fb')
  assert.equal(normalizePath('/%61%44%4d%7E?x=%61'), '/aDM~?x=%61')
  assert.equal(normalizePath('/%c3%bc'), '/%C3%BC')
  assert.equal(normalizePath('/%%361'), '/%2561')
})
