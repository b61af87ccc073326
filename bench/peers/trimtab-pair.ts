import { mkdirSync, writeFileSync } from 'node:fs'
import type { Intentions } from '../../protocol/intentions.ts'
import type { SnapshotLine } from '../../protocol/snapshot.ts'
import type { PairIdentity } from '../support/pair-identities.ts'
import { type Measured, PROXY_CORE, start } from '../support/process.ts'
import type { World } from '../support/world.ts'
import { snapshot, trimtabCommand } from './trimtab.ts'

export interface PairShape {
  /** Called by an application in clear text. */
  out: SideShape
  /** Takes mTLS only. */
  in: SideShape
  /** The application behind the called side. */
  appPort: number
}

export interface SideShape {
  identity: PairIdentity
  port: number
}

/** Two of our proxies with everything on and mTLS between them: the calling one, and the called one. */
export async function trimtabPair(world: World, shape: PairShape): Promise<[calling: Measured, called: Measured]> {
  const called = await side(world, shape, 'in')
  return [await side(world, shape, 'out'), called]
}

async function side(world: World, shape: PairShape, name: 'out' | 'in'): Promise<Measured> {
  const { identity, port } = shape[name]
  const data = `${world.folder}/${name}`
  mkdirSync(data)
  writeFileSync(`${data}/identity.json`, JSON.stringify(identity.kept), { mode: 0o600 })
  const versions: Record<string, number[]> = name === 'in' ? {} : { v1: [shape.in.port], v2: [shape.in.port] }
  const snapshotFile = `${data}/snapshot.json`
  writeFileSync(snapshotFile, JSON.stringify(policyOf(identity.service, versions, shape.in.identity.spiffeId)))
  const command = await trimtabCommand(world, {
    service: identity.service,
    snapshotFile,
    ...(name === 'in' ? { inboundPort: port, appPort: shape.appPort } : { outboundPort: port }),
  })
  const ready = { host: '127.0.0.1', port }
  return start([...command, '--data', data, '--control', 'https://127.0.0.1:9'], { core: PROXY_CORE, ready })
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
