import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { joinTokenOf } from '../../cli/up/join-token.ts'
import { formatAddress, listen, parseAddress } from '../../runtime/address.ts'
import { dial } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'

/** A mesh of separate processes that carries TCP: control, a sidecar beside a store that speaks as Redis does, and one beside its caller. */

const meshFile = (allow: string) => `mesh: shop
services:
  report: { allow: [] }
  db:
    protocol: tcp
    allow: [${allow}]
`

/** Two versions, of which every proxy keeps its hands off: what moves is moved by control. */
const splitMeshFile = `mesh: shop
services:
  report: { allow: [] }
  db:
    protocol: tcp
    versions: { v1: { weight: 50 }, v2: { weight: 50 } }
    retries: { attempts: 0 }
    passiveHealthCheck: { interval: 10s, maxFailures: 1000 }
    slo: { availability: 99% }
    shift: automatic
    allow: [{ from: report }]
`

/** SET and GET in the inline form of Redis's protocol. */
async function store(t: TestContext): Promise<{ address: string; close: () => void }> {
  const values = new Map<string, string>()
  const server = createServer(socket => {
    const lines = createInterface({ input: socket }).on('error', () => {})
    lines.on('line', line => {
      const [command, key = '', value = ''] = line.split(' ')
      if (command === 'SET') values.set(key, value)
      const held = values.get(key) ?? ''
      socket.write(command === 'SET' ? '+OK\r\n' : `$${held.length}\r\n${held}\r\n`)
    })
    socket.on('error', () => {})
  })
  const address = await listen(server, { host: '127.0.0.1', port: 0 })
  t.after(() => server.close())
  return { address: formatAddress(address), close: () => server.close() }
}

interface Decided {
  action: string
  service: string
  to: Record<string, number>
  reason: string
}

/** A program that tells when it is ready; gone when the test is. */
async function started(t: TestContext, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, ['cli/trimtab.ts', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  let said = ''
  child.stderr.on('data', chunk => {
    said += String(chunk)
  })
  const ended = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGTERM')
    await ended
  })
  const ready = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>
  const first = await Promise.race([ready, ended.then(() => undefined)])
  if (first === undefined) throw new Error(`trimtab ${args[0]} ended: ${said}`)
  return { addresses: (JSON.parse(first[0]) as { addresses: Record<string, string> }).addresses, said: () => said }
}

/** Control, and a way to start proxies that join it. */
async function mesh(t: TestContext, content: string, collector: string) {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-tcp-`)
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = `${folder}/mesh.yaml`
  writeFileSync(file, content)
  const own = ['--doors', 'open-loopback', '--config', file, '--data', `${folder}/control`, '--listen', '127.0.0.1:0']
  const control = await started(t, ['control', ...own, '--collector', collector])
  const api = control.addresses['api']!
  const env = { TRIMTAB_PROXY_JOIN_TOKEN: await joinTokenOf(`http://${api}`) }
  const free = ['inbound', 'outbound', 'metrics', 'admin'].flatMap(name => [`--${name}`, '127.0.0.1:0'])
  const common = ['--control', `https://${api}`, '--app-metrics', 'none', '--log-level', 'warn', ...free]
  return { folder, file, api, proxy: (...flags: string[]) => started(t, ['proxy', ...flags, ...common], env) }
}

test('a client reaches a TCP service through two sidecars until the mesh file says otherwise', {
  timeout: 120_000,
}, async t => {
  const { file, api, proxy } = await mesh(t, meshFile('{ from: report }'), 'http://127.0.0.1:9')
  await proxy('--service', 'db', '--app', (await store(t)).address)
  const report = await proxy('--service', 'report', '--app', '127.0.0.1:9', '--upstream', 'db=0')
  const port = parseAddress(report.addresses['upstream-db']!)!
  const explained = async () =>
    (
      await promisify(execFile)(process.execPath, [
        'cli/trimtab.ts',
        'explain',
        'tcp://db',
        '--from',
        'report',
        '--control',
        `http://${api}`,
      ])
    ).stdout
  await until('the way to db', explained, text => /endpoint\s+\S*db/.test(text) && text.includes('allowed'))
  const client = await dial(port)

  client.send('SET trip 42\r\n')
  await client.until('+OK')
  client.send('GET trip\r\n')
  await client.until('$2\r\n42\r\n')

  assert.match(await explained(), /service\s+db \(tcp\)[\s\S]*intention\s+allowed by db allow 1/)
  const cut = new Promise<number>(resolve => client.socket.once('error', () => resolve(performance.now())))
  writeFileSync(file, meshFile(''))
  const told = await until('the denial', explained, text => text.includes('the connection is reset'))
  const knownMs = performance.now()

  assert.ok((await cut) - knownMs < 1000, 'what stood is cut within a second of the change being in force')
  assert.match(
    told,
    /refused\s+by closing the connection \(NR no-route\)[\s\S]*intention\s+the connection is reset by default/,
  )
  const late = await dial(port)
  assert.equal(await late.closed(), '')
  late.socket.destroy()
})

test('control moves connections off a version of a TCP service whose application is gone, and says why', {
  timeout: 120_000,
}, async t => {
  const data = mkdtempSync(`${tmpdir()}/trimtab-tcp-`)
  t.after(() => rmSync(data, { recursive: true, force: true }))
  const free = ['zipkin', 'health', 'telemetry'].flatMap(name => [`--${name}`, '127.0.0.1:0'])
  const collector = await started(t, [
    'collector',
    '--data',
    data,
    '--clickhouse',
    'off',
    '--log-level',
    'error',
    ...free,
  ])
  const { api, proxy } = await mesh(t, splitMeshFile, `http://${collector.addresses['zipkin']}`)
  const [v1, v2] = [await store(t), await store(t)]
  await proxy('--service', 'db', '--version', 'v1', '--app', v1.address)
  await proxy('--service', 'db', '--version', 'v2', '--app', v2.address)
  const report = await proxy('--service', 'report', '--app', '127.0.0.1:9', '--upstream', 'db=0')
  const port = parseAddress(report.addresses['upstream-db']!)!
  const isServed = async (): Promise<boolean> => {
    const client = await dial(port)
    client.send('GET trip\r\n')
    const said = await Promise.race([client.until('$0\r\n'), client.closed()])
    client.socket.destroy()
    return said !== ''
  }
  const servedOf = async (count: number): Promise<number> => {
    const served = await Promise.all(Array.from({ length: count }, isServed))
    return served.filter(Boolean).length
  }
  await until(
    'both versions',
    () => servedOf(20),
    served => served === 20,
  )

  v2.close()
  const decisions = async () => {
    await servedOf(20)
    const answer = await fetch(`http://${api}/v1/decisions`)
    return ((await answer.json()) as { decisions: Decided[] }).decisions
  }
  const isShift = ({ action, service }: Decided) => action === 'shift' && service === 'db'
  const told = await until('a shift', decisions, all => all.some(isShift))

  const { to, reason } = told.find(isShift)!
  assert.deepEqual(to, { v1: 50, v2: 0 })
  assert.match(reason, /v2.* fail/)
  await until(
    'the weights at the caller',
    () => servedOf(20),
    served => served === 20,
  )
  assert.equal(await servedOf(40), 40)
})
