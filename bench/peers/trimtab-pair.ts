import { mkdirSync, writeFileSync } from 'node:fs'
import type { Intentions } from '../../protocol/intentions.ts'
import type { SnapshotLine } from '../../protocol/snapshot.ts'
import type { PairIdentity } from '../support/pair-identities.ts'
import { type Measured, start } from '../support/process.ts'
import { snapshot } from './trimtab.ts'

export interface PairShape {
  out: SideShape
  in: SideShape
  /** The application behind the called side. */
  appPort: number
  sinkPort: number
}

export interface SideShape {
  identity: PairIdentity
  inboundPort: number
  outboundPort: number
  metricsPort: number
  adminPort: number
}

/** Two of our proxies with everything on and mTLS between them: the first is called by an application, the second calls one. */
export async function trimtabPair(
  folder: string,
  core: number,
  shape: PairShape,
): Promise<{ out: Measured; in: Measured }> {
  const versions = { v1: [shape.in.inboundPort], v2: [shape.in.inboundPort] }
  return {
    in: await side(folder, core, shape, 'in', `127.0.0.1:${shape.appPort}`, {}),
    out: await side(folder, core, shape, 'out', '127.0.0.1:9', versions),
  }
}

async function side(
  folder: string,
  core: number,
  shape: PairShape,
  name: 'out' | 'in',
  app: string,
  versions: Record<string, number[]>,
): Promise<Measured> {
  const { identity, inboundPort, outboundPort, metricsPort, adminPort } = shape[name]
  const data = `${folder}/${name}`
  mkdirSync(data)
  writeFileSync(`${data}/identity.json`, JSON.stringify(identity.kept), { mode: 0o600 })
  const policy = policyOf(identity.service, versions, shape.in.identity.spiffeId)
  writeFileSync(`${data}/snapshot.json`, JSON.stringify(policy))
  const at = (port: number) => `127.0.0.1:${port}`
  // biome-ignore format: one flag with its value
  const flags = ['--service', identity.service, '--app', app, '--app-metrics', 'none', '--snapshot', `${data}/snapshot.json`, '--data', data, '--control', 'https://127.0.0.1:9',
    '--outbound', at(outboundPort), '--inbound', at(inboundPort), '--metrics', at(metricsPort), '--admin', at(adminPort),
    '--zipkin', `http://${at(shape.sinkPort)}/api/v2/spans`, '--collector', `http://${at(shape.sinkPort)}`, '--log-level', 'error']
  const ready = { host: '127.0.0.1', port: name === 'in' ? inboundPort : outboundPort }
  return start([process.execPath, 'cli/trimtab.ts', 'proxy', ...flags], { core, ready })
}

function policyOf(service: string, versions: Record<string, number[]>, peerSpiffeId: string): SnapshotLine {
  const { epoch, sections = {} } = snapshot({ versions })
  const changed = Object.entries(sections).map(([name, section]) => {
    const value = section!.value as Record<string, unknown>
    if (name === 'listener') return [name, { version: 1, value: { ...value, service, mtls: 'strict' } }]
    if (name.startsWith('upstream/')) return [name, { version: 1, value: { ...value, peerSpiffeId } }]
    return [name, section]
  })
  return { epoch, sections: { ...Object.fromEntries(changed), intentions: { version: 1, value: intentions } } }
}

/** Denied unless allowed, and the rule that fits is not the first. */
const intentions: Intentions = {
  default: 'deny',
  rules: [
    { name: 'backend deny 1', action: 'deny', dryRun: false, precedence: 9, source: { services: ['stranger'] } },
    {
      name: 'backend allow 1',
      action: 'allow',
      dryRun: false,
      precedence: 9,
      source: { services: ['caller'] },
      methods: ['GET'],
      pathPrefix: '/api/report',
    },
  ],
  jwt: {},
}
