import { readFileSync } from 'node:fs'
import { lineReader } from '../protocol/line-reader.ts'
import type { Registration } from '../protocol/snapshot.ts'
import { checks } from '../protocol/word-checks.ts'
import type { Log } from '../runtime/log.ts'
import type { ProxySettings } from './config.ts'
import { controlUrlOf } from './control-url.ts'
import { hostTowards } from './own-host.ts'
import type { MeshRole, Role } from './role.ts'
import { type LastGood, lastGoodFile } from './route/last-good.ts'
import { applyLine, emptyPolicy, type Policy } from './route/policy.ts'
import { type Subscription, type SubscriptionParts, subscribe } from './route/subscription.ts'
import { aloneSnapshot } from './standing.ts'

const readLine = lineReader(checks.snapshotLine, 64 * 1024 * 1024)

/** Where the last good snapshot is kept, when a directory was given for it. */
function lastGoodOf(settings: ProxySettings): LastGood | undefined {
  return settings.data === undefined ? undefined : lastGoodFile(`${settings.data}/last-good-snapshot.json`)
}

/** What the proxy starts with: its flags (alone), a file, the last good snapshot, or nothing. Throws when a file that was named does not hold. */
export function firstPolicy(role: Role, settings: ProxySettings, log: Log): Policy {
  if (role.kind === 'alone') return held(applyLine(emptyPolicy, aloneSnapshot(role, settings)), 'the flags')
  if (settings.snapshot !== undefined) {
    const read = readLine(readFileSync(settings.snapshot, 'utf8'))
    if (read.status === 'invalid') throw new Error(`${settings.snapshot} is no snapshot: ${read.reason}`)
    return held(applyLine(emptyPolicy, read.value), settings.snapshot)
  }
  const kept = lastGoodOf(settings)?.load()
  if (kept?.status !== 'ok') return emptyPolicy
  log.info(`starts with the last good snapshot, epoch ${kept.policy.epoch}, until control is heard`)
  return kept.policy
}

function held(applied: ReturnType<typeof applyLine>, where: string): Policy {
  if (applied.status === 'applied') return applied.policy
  throw new Error(`${where} do not hold: ${applied.status === 'refused' ? applied.reason : applied.status}`)
}

/** Follows control; undefined when the policy comes from flags or a file. `register` makes what control is told; it may ask for the address at which control reaches us. */
export function followControl(
  role: Role,
  settings: ProxySettings,
  register: (role: MeshRole, ownHost: () => Promise<string>) => Promise<Registration>,
  parts: Pick<SubscriptionParts, 'secure' | 'policy' | 'clock' | 'random' | 'log'>,
): Subscription | undefined {
  if (role.kind === 'alone' || settings.snapshot !== undefined) return undefined
  const controlUrl = controlUrlOf(settings)
  // Anew for each connection: a machine's address may change, and control may not be there yet.
  const registration = () => register(role, () => hostTowards(controlUrl))
  return subscribe({ controlUrl, registration, lastGood: lastGoodOf(settings), ...parts })
}
