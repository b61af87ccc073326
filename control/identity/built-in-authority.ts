import { createPrivateKey, KeyObject, X509Certificate } from 'node:crypto'
import type { IdentityStore, KeptRoot } from '../state/identity-store.ts'
import type { Authorities, Issuing, Locked } from './authorities.ts'
import { type Authority, crossCertify, fingerprintOf, makeRoot, serialNumber, signingKeyOf } from './certificates.ts'
import {
  beginRotation,
  issuingRoot,
  lastingRoot,
  lookAtRotation,
  type Rotation,
  readRotation,
  trustedRoots,
} from './rotation.ts'
import type { ReadSecret } from './secret.ts'

export interface BuiltInParts {
  store: Pick<IdentityStore, 'roots' | 'putRoots' | 'rotation'>
  /** Reads the secret that private keys are kept under; makes it when `mayMake`. */
  secret(mayMake: boolean): ReadSecret
  trustDomain(): string
  nowMs: number
  rootLifetimeMs: number
  randomBytes(count: number): Buffer
}

/**
 * Control's own authority: what the state store holds, or a first root, made and written down now. Throws when the store refuses.
 * When the private key cannot be read it is there all the same, locked: roots are told, snapshots go on, nothing is signed.
 */
export async function builtInAuthority(parts: BuiltInParts): Promise<Authorities> {
  const { store, randomBytes } = parts
  let roots = new Map(store.roots().map(root => [root.fingerprint, root]))
  let secret = parts.secret(roots.size === 0)
  let rotation = readRotation(store.rotation()) ?? newestOf(roots)
  const authorities = new Map<string, Authority>()
  let locked: Locked | undefined

  const unlock = () => {
    locked = undefined
    if (secret.status === 'refused') {
      locked = { status: 'locked', reason: secret.reason, hint: secret.hint }
      return
    }
    for (const fingerprint of rotation ? trustedRoots(rotation) : []) {
      const authority = openRoot(roots.get(fingerprint), secret.secret)
      if (authority) authorities.set(fingerprint, authority)
      else if (fingerprint === issuingRoot(rotation!) || rotation!.step === 'spreading')
        locked = wrongSecret(secret.from, fingerprint)
    }
  }
  const newRoot = async (under: string, nowMs: number, from?: Authority): Promise<KeptRoot> => {
    const serial = serialNumber(randomBytes(16))
    const made = await makeRoot({ trustDomain: parts.trustDomain(), nowMs, lifetimeMs: parts.rootLifetimeMs, serial })
    const cross = from ? await crossCertify(from, made.certificate, nowMs, serialNumber(randomBytes(16))) : ''
    const key = KeyObject.from(made.key).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: under,
    })
    return {
      fingerprint: fingerprintOf(made.certificate),
      certificate: made.certificate,
      key: key as string,
      cross,
      leavesUntilMs: 0,
    }
  }
  /** On disk first: a root that others trust must not be forgotten. */
  const keep = (next: Rotation, put: KeptRoot[], gone: string[] = []) => {
    store.putRoots(put, gone, JSON.stringify(next))
    rotation = next
    roots = new Map(store.roots().map(root => [root.fingerprint, root]))
    for (const fingerprint of authorities.keys()) if (!roots.has(fingerprint)) authorities.delete(fingerprint)
    unlock()
  }
  if (rotation === undefined) {
    if (secret.status === 'refused') throw new Error(`no root can be made: ${secret.reason}. ${secret.hint}`)
    const first = await newRoot(secret.secret, parts.nowMs)
    keep({ step: 'steady', root: first.fingerprint }, [first])
  } else unlock()

  const current = () => rotation!
  const signingFrom = (fingerprint: string, nowMs: number): Issuing => {
    if (locked) return locked
    const authority = authorities.get(fingerprint)!
    const { validToDate } = new X509Certificate(authority.certificate)
    if (nowMs >= validToDate.getTime()) return expired(validToDate)
    const { cross } = roots.get(fingerprint)!
    // As long as somebody may know the old root only, the way from the new one to it goes along.
    const isNew = current().step !== 'steady' && fingerprint === lastingRoot(current())
    return { status: 'ready', authority: { ...authority, intermediates: isNew && cross !== '' ? [cross] : [] } }
  }
  const issuing = (nowMs: number) => signingFrom(issuingRoot(current()), nowMs)
  return {
    kind: 'built-in',
    get rotation() {
      return current()
    },
    issuing,
    issuingOwn: nowMs => signingFrom(lastingRoot(current()), nowMs),
    trusted: () =>
      trustedRoots(current()).flatMap(fingerprint => {
        const root = roots.get(fingerprint)
        return root ? [{ fingerprint, certificate: root.certificate }] : []
      }),
    async begin(nowMs) {
      if (current().step !== 'steady') return underWay(current())
      const issues = issuing(nowMs)
      if (issues.status === 'locked' || secret.status === 'refused')
        return {
          status: 'refused',
          reason: locked?.reason ?? 'the root cannot sign',
          hint: 'trimtab ca status tells more.',
        }
      const root = await newRoot(secret.secret, nowMs, issues.authority)
      // Asked for twice at the same time: the other one was first.
      const next = beginRotation(current(), root.fingerprint, nowMs, 0)
      if (!next) return underWay(current())
      keep(next, [root])
      return { status: 'begun', root: root.fingerprint }
    },
    spread(epoch) {
      // Not kept: after a restart everything is published anew, in another epoch.
      const now = current()
      if (now.step === 'spreading') rotation = { ...now, epoch }
    },
    look(seen) {
      const now = current()
      if (now.step === 'steady') return lookAtRotation(now, { ...seen, leavesUntilMs: 0 })
      if (now.step === 'renewing') roots = new Map(store.roots().map(root => [root.fingerprint, root]))
      const leavesUntilMs = roots.get(now.from)?.leavesUntilMs ?? 0
      const looked = lookAtRotation(now, { ...seen, leavesUntilMs })
      if (looked.status === 'moves') keep(looked.rotation, [], looked.retired === undefined ? [] : [looked.retired])
      return looked
    },
    async reset(nowMs) {
      secret = parts.secret(true)
      if (secret.status === 'refused') return { status: 'refused', reason: secret.reason, hint: secret.hint }
      const root = await newRoot(secret.secret, nowMs)
      const from = issuingRoot(current())
      const gone = [...roots.keys()].filter(fingerprint => fingerprint !== from)
      keep({ step: 'renewing', from, to: root.fingerprint, sinceMs: nowMs }, [root], gone)
      return { status: 'done', root: root.fingerprint }
    },
  }
}

function openRoot(root: KeptRoot | undefined, passphrase: string): Authority | undefined {
  if (!root) return undefined
  try {
    const key = signingKeyOf(createPrivateKey({ key: root.key, passphrase }))
    const { certificate, fingerprint } = root
    return key && { certificate, key, intermediates: [], root: certificate, fingerprint }
  } catch {
    return undefined
  }
}

/** State whose rotation cannot be read: the root that lasts longest is the newest. */
function newestOf(roots: ReadonlyMap<string, KeptRoot>): Rotation | undefined {
  const endOf = ({ certificate }: KeptRoot) => new X509Certificate(certificate).validToDate.getTime()
  const [newest] = [...roots.values()].sort((a, b) => endOf(b) - endOf(a))
  return newest && { step: 'steady', root: newest.fingerprint }
}

function wrongSecret(from: string, fingerprint: string): Locked {
  return {
    status: 'locked',
    reason: `${from} does not open the private key of root ${fingerprint.slice(0, 16)}`,
    hint: 'Restore the key that belongs to this state from your backup and start control again. If it is lost: trimtab ca reset makes a new root; every proxy then needs a new join token before its certificate ends.',
  }
}

function expired(at: Date): Locked {
  return {
    status: 'locked',
    reason: `the root expired at ${at.toISOString()}`,
    hint: 'trimtab ca reset makes a new root; every proxy then needs a new join token.',
  }
}

function underWay(rotation: Rotation) {
  return {
    status: 'refused',
    reason: `a rotation is under way (${rotation.step})`,
    hint: 'Wait for it: trimtab ca status tells how far it is.',
  } as const
}
