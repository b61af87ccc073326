import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, normalize } from 'node:path'
import { test } from 'node:test'

/** Who may import whom (docs/architecture): the folders are the stages in the order in which data passes. */

interface Import {
  from: string
  to: string
  typeOnly: boolean
}

const programs = ['proxy', 'collector', 'control']
const outermost = ['test', 'bench', 'demo', 'cli', 'scripts']
const files = globSync(
  '{proxy,collector,control,protocol,runtime,credentials,cli,dashboards,demo,test,bench,scripts}/**/*.ts',
)
  .filter(file => !file.includes('node_modules'))
  .sort()
const imports: Import[] = files.flatMap(file => importsOf(file))

function importsOf(file: string): Import[] {
  const source = readFileSync(file, 'utf8')
  const statements = source.matchAll(/^(?:import|export)\s+(type\s+)?(?:([^'"]*?)\s+from\s+)?['"]([^'"]+)['"]/gm)
  return [...statements].map(([, typeWord, names, target]) => ({
    from: file,
    to: target!.startsWith('.') ? normalize(`${dirname(file)}/${target}`) : target!,
    typeOnly: typeWord !== undefined || onlyTypes(names ?? ''),
  }))
}

function onlyTypes(names: string): boolean {
  const inner = /^\{(.*)\}$/s.exec(names.trim())?.[1]
  if (inner === undefined) return false
  const items = inner
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '')
  return items.length > 0 && items.every(item => item.startsWith('type '))
}

const top = (path: string): string => path.split('/')[0]!
const isFile = (path: string): boolean => path.endsWith('.ts')
const say = (found: Import[]): string => found.map(({ from, to }) => `${from} imports ${to}`).join('\n')
const none = (found: Import[], rule: string): void => assert.equal(found.length, 0, `${rule}\n${say(found)}`)

test('protocol/ imports only the schema library, and the YAML reader for the mesh file', () => {
  const allowed = (to: string): boolean => top(to) === 'protocol' || to.startsWith('typebox')
  const yaml = ({ from, to }: Import): boolean => to === 'yaml' && from.startsWith('protocol/mesh-config/')
  // The schema library itself, when a word was refused.
  const later = ({ from, to }: Import): boolean => to === 'node:module' && from === 'protocol/word-checks.ts'
  none(
    imports.filter(found => top(found.from) === 'protocol' && !allowed(found.to) && !yaml(found) && !later(found)),
    'words know no program, no IO',
  )
})

test('runtime/ imports node and packages, never protocol/ or a program', () => {
  none(
    imports.filter(({ from, to }) => top(from) === 'runtime' && isFile(to) && top(to) !== 'runtime'),
    'plumbing knows nobody',
  )
})

test('credentials/ imports words and plumbing, never a program: every program gets its identity by it', () => {
  const allowed = (to: string): boolean => ['credentials', 'protocol', 'runtime'].includes(top(to))
  none(
    imports.filter(({ from, to }) => top(from) === 'credentials' && isFile(to) && !allowed(to)),
    'who asks for a certificate is an argument',
  )
})

test('a program never imports another program: they meet over the wire', () => {
  const foreign = ({ from, to }: Import): boolean =>
    programs.includes(top(from)) && isFile(to) && ![top(from), 'protocol', 'runtime', 'credentials'].includes(top(to))
  none(imports.filter(foreign), 'proxy, collector and control share words, plumbing and the way to an identity only')
})

test('a stage gets its neighbours as arguments: it imports types of them, nothing else', () => {
  const stageOf = (path: string): string | undefined =>
    programs.includes(top(path)) && path.split('/').length > 2 ? path.split('/').slice(0, 2).join('/') : undefined
  const wires = ['proxy/http1', 'proxy/http2', 'proxy/tcp']
  const crosses = ({ from, to, typeOnly }: Import): boolean => {
    const [a, b] = [stageOf(from), stageOf(to)]
    return a !== undefined && b !== undefined && a !== b && !typeOnly && !wires.includes(b)
  }
  none(
    imports.filter(crosses),
    'composition files alone know all stages (the pure wires of the proxy may be used by accept and send)',
  )
})

test('nothing imports test/, bench/, demo/, cli/ or scripts/ but they themselves', () => {
  none(
    imports.filter(({ from, to }) => isFile(to) && outermost.includes(top(to)) && !outermost.includes(top(from))),
    'the outermost is not used by the inner',
  )
})

test('a proxy that starts loads no package but those that every sidecar needs', () => {
  const allowed =
    /^(node:.*|commander|pino|typebox\/guard|jose\/(jwt\/sign|jwt\/verify|decode\/protected_header|errors))$/
  const loaded = new Set(['cli/trimtab.ts', 'proxy/main.ts', 'proxy/proxy.ts'])
  // A set that grows while it is walked is walked to its end.
  for (const file of loaded)
    for (const { from, to, typeOnly } of imports) if (from === file && isFile(to) && !typeOnly) loaded.add(to)
  none(
    imports.filter(({ from, to, typeOnly }) => loaded.has(from) && !isFile(to) && !typeOnly && !allowed.test(to)),
    'what only some need is loaded by those, and big packages by their parts (docs/adr/0012-what-a-sidecar-weighs.md)',
  )
})

test('no file imports itself through others', () => {
  const graph = new Map<string, string[]>()
  for (const { from, to, typeOnly } of imports)
    if (isFile(to) && !typeOnly) graph.set(from, [...(graph.get(from) ?? []), to])
  const done = new Set<string>()
  const walk = (file: string, path: string[]): void => {
    const at = path.indexOf(file)
    assert.equal(at, -1, `a cycle: ${[...path.slice(at), file].join(' -> ')}`)
    if (done.has(file)) return
    for (const next of graph.get(file) ?? []) walk(next, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) walk(file, [])
})

test('there are no rooms for everything: no utils.ts, types.ts, helpers.ts or barrels', () => {
  assert.deepEqual(
    files.filter(file => /(^|\/)(utils?|types|helpers|common|index|misc)\.ts$/.test(file)),
    [],
  )
})

test('pure files read no clock and no randomness of their own', () => {
  const pure = files.filter(file =>
    /^(protocol\/|proxy\/http1\/|proxy\/http2\/|control\/judge\/|proxy\/(match|path|path-table)\.ts|proxy\/route\/(table|split|policy)\.ts|proxy\/authorize\/)/.test(
      file,
    ),
  )
  const impure = pure.filter(file =>
    /\bDate\.now\(|\bMath\.random\(|\bperformance\.now\(|\bnew Date\(\)|from 'node:(fs|net|http|timers)/.test(
      readFileSync(file, 'utf8'),
    ),
  )
  assert.deepEqual(impure, [])
})
