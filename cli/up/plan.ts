import type { Ports } from './ports.ts'

/** What `trimtab up` starts: each as its own process, with every port decided beforehand, so that a restart finds its place again. */
export interface ProcessPlan {
  name: string
  kind: 'control' | 'collector' | 'app' | 'sidecar' | 'gateway' | 'load'
  script: string
  args: string[]
  service?: string
  version?: string
  instance?: string
  urls: Record<string, string>
}

export interface Plan {
  collector: ProcessPlan
  control: ProcessPlan
  apps: ProcessPlan[]
  sidecars: ProcessPlan[]
  gateway: ProcessPlan
  load: ProcessPlan | undefined
  urls: Record<string, string>
}

export interface PlanSettings {
  host: string
  meshFile: string
  dataDirectory: string
  gatewayName: string
  gatewayPort: number
  ratePerSecond: number
  jaegerUrl: string | undefined
  clickhouse: string
  logLevel: string
  logFormat: string
}

/** The demo: two versions of each service; expense's have two hosts each, so that a bad host can be told from a bad version. */
const instances = [
  { service: 'report', version: 'v2' },
  { service: 'report', version: 'v3' },
  { service: 'expense', version: 'v1' },
  { service: 'expense', version: 'v1' },
  { service: 'expense', version: 'v2' },
  { service: 'expense', version: 'v2' },
] as const

const root = new URL('../../', import.meta.url).pathname
const trimtab = `${root}cli/trimtab.ts`

/** Decides every process and port of the demo mesh. */
export async function planDemo(settings: PlanSettings, ports: Ports): Promise<Plan> {
  const { host } = settings
  const at = async (wish: number, what: string) => `${host}:${await ports.take(wish, what)}`
  const gatewayAddress = await at(settings.gatewayPort, 'gateway')
  const api = await at(8500, 'control')
  const zipkin = await at(9411, 'collector')
  const common = ['--log-level', settings.logLevel, '--log-format', settings.logFormat, '--until-parent-gone']
  const urls = {
    gateway: `http://${gatewayAddress}`,
    page: `http://${api}/`,
    control: `http://${api}`,
    collector: `http://${zipkin}`,
  }

  // Proxies and control reach the collector over TLS, applications on this machine in clear text; proxies come to control with a join token,
  // the collector with one of its own, which control writes for it; people on this machine with neither.
  const controlForProxies = `https://${api}`
  const collectorToken = `${settings.dataDirectory}/control/collector-token`
  const collector = await planCollector(settings, { zipkin, control: controlForProxies, collectorToken }, at, common)
  const control: ProcessPlan = {
    name: 'control',
    kind: 'control',
    script: trimtab,
    args: [
      'control',
      '--doors',
      'open-loopback',
      '--config',
      settings.meshFile,
      '--data',
      `${settings.dataDirectory}/control`,
      '--listen',
      api,
      '--collector',
      `https://${zipkin}`,
      '--collector-token-file',
      collectorToken,
      ...common,
    ],
    urls: { api: urls.control, metrics: `${urls.control}/metrics` },
  }
  const apps: ProcessPlan[] = []
  const sidecars: ProcessPlan[] = []
  for (const [index, { service, version }] of instances.entries()) {
    const pair = await planPair(
      settings,
      { index, service, version, control: controlForProxies, spans: `${urls.collector}/api/v2/spans` },
      at,
      common,
    )
    apps.push(pair.app)
    sidecars.push(pair.sidecar)
  }
  const gateway = await planGateway(settings, gatewayAddress, controlForProxies, at, common)
  const load = settings.ratePerSecond === 0 ? undefined : await planLoad(settings, urls.gateway, at)
  return {
    collector,
    control,
    apps,
    sidecars,
    gateway,
    load,
    urls: { ...urls, ...(load === undefined ? {} : { load: load.urls['admin']! }) },
  }
}

type At = (wish: number, what: string) => Promise<string>

async function planCollector(
  settings: PlanSettings,
  { zipkin, control, collectorToken }: { zipkin: string; control: string; collectorToken: string },
  at: At,
  common: string[],
): Promise<ProcessPlan> {
  const health = await at(13_133, "the collector's health")
  const telemetry = await at(8888, "the collector's metrics")
  const jaeger = settings.jaegerUrl === undefined ? [] : ['--jaeger', settings.jaegerUrl]
  return {
    name: 'collector',
    kind: 'collector',
    script: trimtab,
    args: [
      'collector',
      '--data',
      `${settings.dataDirectory}/collector`,
      '--zipkin',
      zipkin,
      '--health',
      health,
      '--telemetry',
      telemetry,
      '--clickhouse',
      settings.clickhouse,
      '--control',
      control,
      '--join-token-file',
      collectorToken,
      ...jaeger,
      ...common,
    ],
    urls: { zipkin: `http://${zipkin}`, health: `http://${health}/health`, metrics: `http://${telemetry}/metrics` },
  }
}

interface PairPlan {
  index: number
  service: 'report' | 'expense'
  version: string
  control: string
  spans: string
}

async function planPair(
  settings: PlanSettings,
  { index, service, version, control, spans }: PairPlan,
  at: At,
  common: string[],
): Promise<{ app: ProcessPlan; sidecar: ProcessPlan }> {
  const instance = `${service}-${version}-${index + 1}`
  const app = await at(5001 + index, instance)
  const appMetrics = await at(9464 + index, `metrics of ${instance}`)
  const inbound = await at(20_000 + index, `inbound of ${instance}`)
  const outbound = await at(15_001 + index, `outbound of ${instance}`)
  const metrics = await at(20_200 + index, `merged metrics of ${instance}`)
  const admin = await at(19_000 + index, `admin of ${instance}`)
  const upstream = service === 'report' ? ['--expense', `http://${outbound}`] : []
  return {
    app: {
      name: instance,
      kind: 'app',
      script: `${root}demo/${service}/main.ts`,
      args: ['--listen', app, '--metrics', appMetrics, '--version', version, '--zipkin', spans, ...upstream],
      service,
      version,
      instance,
      urls: { app: `http://${app}`, metrics: `http://${appMetrics}/metrics`, faults: `http://${app}/faults` },
    },
    sidecar: {
      name: `proxy of ${instance}`,
      kind: 'sidecar',
      script: trimtab,
      // biome-ignore format: one flag with its value a line is easier to read
      args: ['proxy', '--service', service, '--version', version, '--instance', instance, '--app', app, '--app-metrics', `http://${appMetrics}/metrics`,
        '--inbound', inbound, '--outbound', outbound, '--metrics', metrics, '--admin', admin, '--control', control, '--data', `${settings.dataDirectory}/proxies/${instance}`, ...common],
      service,
      version,
      instance,
      urls: {
        inbound: `http://${inbound}`,
        outbound: `http://${outbound}`,
        metrics: `http://${metrics}/metrics`,
        admin: `http://${admin}`,
      },
    },
  }
}

async function planGateway(
  settings: PlanSettings,
  listen: string,
  control: string,
  at: At,
  common: string[],
): Promise<ProcessPlan> {
  const metrics = await at(20_200 + instances.length, 'merged metrics of the gateway')
  const admin = await at(19_000 + instances.length, 'admin of the gateway')
  return {
    name: 'gateway',
    kind: 'gateway',
    script: trimtab,
    // biome-ignore format: one flag with its value a line is easier to read
    args: ['proxy', '--gateway', settings.gatewayName, '--instance', `gateway-${settings.gatewayName}`, '--listen', listen, '--app-metrics', 'none', '--metrics', metrics, '--admin', admin,
      '--control', control, '--data', `${settings.dataDirectory}/proxies/gateway`, ...common],
    service: settings.gatewayName,
    instance: `gateway-${settings.gatewayName}`,
    urls: { gateway: `http://${listen}`, metrics: `http://${metrics}/metrics`, admin: `http://${admin}` },
  }
}

async function planLoad(settings: PlanSettings, target: string, at: At): Promise<ProcessPlan> {
  const admin = await at(5100, 'admin of the load')
  return {
    name: 'load',
    kind: 'load',
    script: `${root}demo/load/main.ts`,
    args: ['--target', target, '--rate', String(settings.ratePerSecond), '--admin', admin, '--json'],
    urls: { admin: `http://${admin}` },
  }
}
