import type { AuthorityStatus } from '../../control/identity/identity-status.ts'
import { AskError, getJson, postJson } from '../ask/client.ts'
import { type Stage, watchGateway } from './stage.ts'

const VERSION_PATH = '/api/report/expense/version'
const RENEWED_WITHIN_MS = 60_000

/** Every proxy gets a new certificate while requests go on: no connection is dropped for it. */
export async function certificateRotation(stage: Stage): Promise<void> {
  const proxies = stage.mesh.processes.filter(({ kind }) => kind === 'sidecar' || kind === 'gateway')
  const watch = watchGateway(`${stage.mesh.urls['gateway']}${VERSION_PATH}`, 5)
  stage.say('Certificates last an hour and are renewed at half of it. Now every proxy renews its own at once:')
  try {
    for (const { name, urls } of proxies) {
      const admin = urls['admin']!
      const before = await serialOf(admin)
      const answer = await fetch(`${admin}/certs/renew`, { method: 'POST', signal: AbortSignal.timeout(10_000) })
      const said = (await answer.text()).trim()
      if (!answer.ok) throw new AskError(`${name} could not renew: ${said}`)
      const after = await serialOf(admin)
      if (after === before) throw new AskError(`${name} still shows certificate ${before}`)
      stage.say(`  ${name}: ${before.slice(0, 8)} -> ${after.slice(0, 8)}, ${said}`)
    }
  } finally {
    await watch.stop()
  }
  const { requests, failed } = await watch.stop()
  stage.say(`${failed} of ${requests} requests failed meanwhile. Look: curl ${proxies[0]?.urls['admin']}/certs`)
  if (failed > 0) throw new AskError('requests failed although every certificate was valid')
}

/** The root of the mesh is replaced: both are trusted until the last certificate of the old one has ended. */
export async function rootRotation(stage: Stage): Promise<void> {
  const control = stage.mesh.urls['control']!
  const authority = () => getJson<AuthorityStatus>(new URL('/v1/identity', control))
  const before = await authority()
  if (before.step !== 'steady')
    throw new AskError(`a rotation is under way already (${before.step}): trimtab ca status tells how far it is`)
  const watch = watchGateway(`${stage.mesh.urls['gateway']}${VERSION_PATH}`, 5)
  const startedMs = performance.now()
  try {
    const { root } = await postJson<{ root: string }>(new URL('/v1/identity/rotation', control), { action: 'rotate' })
    stage.say(
      `trimtab ca rotate: a new root ${root.slice(0, 16)} beside ${issuing(before).slice(0, 16)}. Both are trusted ...`,
    )
    const after = await stage.until(
      'certificates from the new root alone',
      authority,
      ({ step, services }) => step !== 'spreading' && services.every(({ ofOldRoot }) => ofOldRoot === 0),
      RENEWED_WITHIN_MS,
    )
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
    const holders = after.services.reduce((sum, { certificates }) => sum + certificates, 0)
    stage.say(`After ${seconds} s all ${holders} certificates come from the new root.`)
    const old = after.roots.find(({ issues }) => !issues)
    if (old !== undefined)
      stage.say(
        `The old one stays trusted until ${old.certificatesUntil ?? 'now'}, when the last certificate of its has ended.`,
      )
  } finally {
    await watch.stop()
  }
  const { requests, failed } = await watch.stop()
  stage.say(`${failed} of ${requests} requests failed meanwhile. Look: trimtab ca status`)
  if (failed > 0) throw new AskError('requests failed although both roots were trusted')
}

function issuing({ roots }: AuthorityStatus): string {
  return roots.find(({ issues }) => issues)?.fingerprint ?? 'none'
}

async function serialOf(admin: string): Promise<string> {
  const { certificates } = await getJson<{ certificates: { cert_chain: { serial_number: string }[] }[] }>(
    `${admin}/certs`,
  )
  const serial = certificates[0]?.cert_chain[0]?.serial_number
  if (serial === undefined) throw new AskError(`${admin}/certs shows no certificate: is the mesh's mtls off?`)
  return serial
}
