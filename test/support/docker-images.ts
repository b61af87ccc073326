import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import type { Engine } from './docker-engine.ts'

/**
 * Images where none can be pulled: a Debian made by debootstrap stands in for the base that our Dockerfile names, and the real
 * Prometheus and Jaeger of this machine for their published images. Each is tagged with the name that our files use.
 */

const bundle = '/etc/ssl/certs/ca-certificates.crt'

/** Made once a machine: a minute of debootstrap. */
function debianArchive(): string {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'trimtab-test')
  const archive = join(cache, 'bookworm.tar')
  if (existsSync(archive)) return archive
  const folder = mkdtempSync(join(tmpdir(), 'trimtab-debian-'))
  try {
    const root = join(folder, 'root')
    run('debootstrap', ['--variant=minbase', '--include=ca-certificates,wget', 'bookworm', root])
    for (const waste of ['var/cache/apt/archives', 'var/lib/apt/lists'])
      rmSync(join(root, waste), { recursive: true, force: true })
    mkdirSync(cache, { recursive: true })
    run('tar', ['-C', root, '-cf', join(folder, 'bookworm.tar'), '.'])
    // Moved only when it is whole; another file system may lie between.
    cpSync(join(folder, 'bookworm.tar'), `${archive}.${process.pid}`)
    renameSync(`${archive}.${process.pid}`, archive)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return archive
}

function run(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  if (error) throw error
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`)
  return stdout
}

/** Builds an image of these files and lines. Builds share the machine's network: package registries are reached as from here. */
function build(engine: Engine, tag: string, files: Record<string, string>, lines: readonly string[]): void {
  const context = mkdtempSync(join(engine.folder, 'context-'))
  for (const [name, source] of Object.entries(files))
    cpSync(realpathSync(source), join(context, name), { recursive: true, dereference: true })
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`)
  engine.docker(['build', '--network', 'host', '-t', tag, context])
  rmSync(context, { recursive: true, force: true })
}

/** The base of our Dockerfile: Debian, the Node that runs this test, npm, the user `node`. */
export function buildNodeBase(engine: Engine, tag: string): void {
  engine.docker(['import', debianArchive(), 'trimtab-test/debian'])
  const npm = join(dirname(realpathSync(run('which', ['npm']).trim())), '..')
  build(engine, tag, { node: process.execPath, npm, certificates: bundle }, [
    'FROM trimtab-test/debian',
    'COPY node /usr/local/bin/node',
    'COPY npm /usr/local/lib/node_modules/npm',
    // A machine behind a gateway of its own trusts its certificate; so must the build.
    `COPY certificates ${bundle}`,
    `ENV NODE_EXTRA_CA_CERTS=${bundle}`,
    'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
    'RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --create-home node',
  ])
}

/** Our own image, by our own Dockerfile. */
export function buildTrimtab(engine: Engine, tag: string): void {
  engine.docker(['build', '--network', 'host', '-t', tag, '.'])
}

/** This machine's Prometheus as the published image has it. */
export function buildPrometheus(engine: Engine, tag: string): void {
  const program = process.env['TRIMTAB_PROMETHEUS'] ?? run('which', ['prometheus']).trim()
  build(engine, tag, { program }, [
    'FROM trimtab-test/debian',
    'COPY program /bin/prometheus',
    'RUN mkdir /prometheus && chown 65534:65534 /prometheus',
    'USER 65534:65534',
    'WORKDIR /prometheus',
    'ENTRYPOINT ["/bin/prometheus"]',
  ])
}

/** As the published image is configured: early builds of version 2 listen on loopback, whatever JAEGER_LISTEN_HOST says. */
const jaegerConfig = {
  service: {
    extensions: ['jaeger_storage', 'jaeger_query'],
    pipelines: { traces: { receivers: ['zipkin'], exporters: ['jaeger_storage_exporter'] } },
  },
  extensions: {
    jaeger_storage: { backends: { memory: { memory: { max_traces: 10_000 } } } },
    jaeger_query: { storage: { traces: 'memory' }, http: { endpoint: '0.0.0.0:16686' } },
  },
  receivers: { zipkin: { endpoint: '0.0.0.0:9411' } },
  exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
}

/** The Jaeger that TRIMTAB_JAEGER names; without one a collector of ours, which answers Jaeger's query API at its Zipkin port. */
export function buildJaeger(engine: Engine, tag: string, trimtab: string): { query: string } {
  const program = process.env['TRIMTAB_JAEGER']
  if (program === undefined) {
    const command = ['node', 'cli/trimtab.ts', 'collector', '--zipkin', '0.0.0.0:9411', '--data', '/data']
    build(engine, tag, {}, [`FROM ${trimtab}`, `ENTRYPOINT ${JSON.stringify([...command, '--clickhouse', 'off'])}`])
    return { query: 'http://jaeger:9411' }
  }
  const config = join(engine.folder, 'jaeger.yaml')
  writeFileSync(config, stringify(jaegerConfig))
  build(engine, tag, { program, config }, [
    'FROM trimtab-test/debian',
    'COPY program /jaeger',
    'COPY config /jaeger.yaml',
    'USER 10001',
    'ENTRYPOINT ["/jaeger", "--config", "/jaeger.yaml"]',
  ])
  return { query: 'http://jaeger:16686' }
}

/** ClickHouse's engine behind its HTTP interface. */
export function buildClickHouse(engine: Engine, tag: string, trimtab: string): void {
  build(engine, tag, { 'front.ts': 'test/support/clickhouse-server.ts' }, [
    `FROM ${trimtab}`,
    'COPY front.ts front.ts',
    'ENTRYPOINT ["node", "front.ts", "0.0.0.0:8123"]',
  ])
}
