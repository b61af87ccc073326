import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readGood, refusalsOf } from './support.ts'

const allowAll = 'mesh: m\nintentions: { default: allow }\n'

describe('YAML', () => {
  it('every syntax error is told with its line', () => {
    const refusals = refusalsOf('mesh: [\na: b: c\n"')
    assert.ok(refusals.length > 1)
    for (const refusal of refusals) assert.match(refusal, /^mesh.yaml:[1-3]:\d+ not valid YAML: /)
  })
  it('a tab for indentation is named', () =>
    assert.match(refusalsOf('mesh: m\nservices:\n\ta: {}').join('\n'), /^mesh.yaml:3:\d+ not valid YAML: Tabs/m))
  it('one file is one document', () =>
    assert.match(refusalsOf('mesh: m\n---\nmesh: n').join('\n'), /^mesh.yaml:2:1 not valid YAML: .*documents/))
  it('tags that mean something to a program are refused', () =>
    assert.match(refusalsOf('mesh: !!js/function m').join('\n'), /^mesh.yaml:1:7 not valid YAML: Unresolved tag/))
  it('YAML 1.1, where off is false, is refused', () =>
    assert.match(refusalsOf('%YAML 1.1\n---\nmesh: m').join('\n'), /remove it$/))
  it('a byte order mark, CRLF and comments are nothing special', () => {
    assert.equal(readGood(`\uFEFF# a mesh\r\nmesh: m # its name\r\n`).config.mesh, 'm')
  })
  it('names are taken as written: the version 1.0 is not 1', () => {
    const { config } = readGood(`${allowAll}services: { a: { versions: { 1.0: {}, 1: {}, 0x10: {} } } }`)
    assert.deepEqual([...(config.services.get('a')?.versions.keys() ?? [])].sort(), ['0x10', '1', '1.0'])
  })
  it('names that JavaScript knows are names like others', () => {
    const text = `${allowAll}services: { constructor: { versions: { toString: {} }, routes: [{ match: { headers: { __proto__: x } } }] } }`
    const service = readGood(text).config.services.get('constructor')
    assert.deepEqual([...(service?.versions.keys() ?? [])], ['toString'])
    assert.deepEqual(Object.entries(service?.routes[0]?.match.headers ?? {}), [['__proto__', { exact: 'x' }]])
  })
})

describe('anchors and aliases', () => {
  it('an alias stands for the last anchor of its name above it', () => {
    const text = `${allowAll}services: { a: { limits: &l { maxPending: 1 } }, b: { limits: *l }, c: { limits: &l { maxPending: 2 } }, d: { limits: *l } }`
    const pending = [...readGood(text).config.services.values()].map(service => service.limits.maxPending)
    assert.deepEqual(pending, [1, 1, 2, 2])
  })
  it('an alias of nothing is refused', () => {
    const refusals = refusalsOf('mesh: m\ntelemetry: *t')
    assert.match(refusals.join('\n'), /^mesh.yaml:2:12 .*(anchor|alias)/)
  })
  it('an alias inside what it stands for is refused', () =>
    assert.deepEqual(refusalsOf('mesh: m\nservices: &s { a: *s }'), [
      'mesh.yaml:2:19 found *s inside what it stands for, allowed: an alias of something complete',
    ]))
  it('a thousand aliases are enough', () => {
    const services = Array.from({ length: 1001 }, (_, index) => `  s${index}: *s`).join('\n')
    assert.match(
      refusalsOf(`${allowAll}defaults: { limits: &s {} }\nservices:\n${services}`).join('\n'),
      /^mesh.yaml:\d+:\d+ found more than 1000 aliases/,
    )
  })
  it('aliases of aliases do not multiply beyond a bound', () => {
    const routes = Array.from({ length: 1000 }, () => '{ match: { path: /a } }').join(', ')
    const services = Array.from({ length: 900 }, (_, index) => `s${index}: *s`).join(', ')
    const refusals = refusalsOf(`${allowAll}services: { a: &s { routes: [${routes}] }, ${services} }`)
    assert.match(refusals.join('\n'), /found more, allowed: at most 300000 values, aliases spelled out/)
  })
})

describe('bounds', () => {
  it('a file has at most 1 MiB', () =>
    assert.deepEqual(refusalsOf(`mesh: m\n#${'é'.repeat(600_000)}`), [
      'mesh.yaml:1:1 the file has 1200009 bytes, allowed: at most 1MiB',
    ]))
  it('blocks nest at most 32 deep', () =>
    assert.match(
      refusalsOf(`mesh: ${'['.repeat(40)}${']'.repeat(40)}`).join('\n'),
      /found deeper nesting, allowed: at most 32 levels/,
    ))
  it('nesting that no stack can hold is a problem like others', () =>
    assert.match(refusalsOf(`mesh: ${'['.repeat(100_000)}`).join('\n'), /not valid YAML/))
  it('a mesh has at most 5000 services', () => {
    const services = Array.from({ length: 5001 }, (_, index) => `  s${index}:`).join('\n')
    assert.deepEqual(refusalsOf(`${allowAll}services:\n${services}`), [
      'mesh.yaml:3:1 services: found 5001 entries, allowed: at most 5000',
    ])
  })
  it('at most a hundred problems are told, and that there are more', () => {
    const services = Array.from({ length: 300 }, (_, index) => `  s${index}: { x: 1 }`).join('\n')
    const refusals = refusalsOf(`${allowAll}services:\n${services}`)
    assert.equal(refusals.length, 101)
    assert.match(refusals.at(-1) ?? '', /only the first 100 problems are told$/)
  })
})

it('problems come in the order of the file, whichever check found them', () => {
  const refusals = refusalsOf(
    'mesh: m\nservices:\n  a:\n    allow: [{ from: nobody }]\n    timeout: 1\n  b: { tls: {} }\nmash: 1',
  )
  assert.deepEqual(
    refusals.map(refusal => refusal.split(' ', 1)[0]),
    ['mesh.yaml:4:21', 'mesh.yaml:5:14', 'mesh.yaml:6:8', 'mesh.yaml:7:1'],
  )
})
