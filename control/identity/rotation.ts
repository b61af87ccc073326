/**
 * How the root changes without a drop. Pure: what stands, what is seen, what follows.
 *
 *   steady ─ begin ─> spreading ─ everybody trusts both ─> renewing ─ no leaf of the old root is valid any more ─> steady
 *
 * While spreading certificates come from the old root, while renewing from the new one; both are trusted until the old one goes.
 * Roots are named by their fingerprints.
 */
export type Rotation =
  | { step: 'steady'; root: string }
  | { step: 'spreading'; from: string; to: string; sinceMs: number; epoch: number }
  | { step: 'renewing'; from: string; to: string; sinceMs: number }

export interface Seen {
  /** Wall clock: a rotation goes on over a restart. */
  nowMs: number
  /** Proxies that have not said that they applied the epoch that brought the new root. */
  behind: readonly string[]
  /** When the last certificate that the old root leads to ends. */
  leavesUntilMs: number
  limits: RotationLimits
}

export interface RotationLimits {
  /** Who has not applied the new root by then is waited for no longer. It can still follow, through the cross certificate. */
  patienceMs: number
  /** Kept trusting the old root this much longer than needed, for clocks that go after ours. */
  skewMs: number
}

export type Looked =
  | { status: 'stays'; why: string }
  | { status: 'moves'; rotation: Rotation; why: string; retired?: string; leftBehind?: readonly string[] }

/** The root that certificates come from now. */
export function issuingRoot(rotation: Rotation): string {
  if (rotation.step === 'steady') return rotation.root
  return rotation.step === 'spreading' ? rotation.from : rotation.to
}

/** The root that will be there when this is over: what a join token is pinned to. */
export function lastingRoot(rotation: Rotation): string {
  return rotation.step === 'steady' ? rotation.root : rotation.to
}

/** The newest first. */
export function trustedRoots(rotation: Rotation): string[] {
  return rotation.step === 'steady' ? [rotation.root] : [rotation.to, rotation.from]
}

/** Undefined: one is under way already. `epoch`: that of the snapshot that brings the new root. */
export function beginRotation(rotation: Rotation, to: string, nowMs: number, epoch: number): Rotation | undefined {
  if (rotation.step !== 'steady' || rotation.root === to) return undefined
  return { step: 'spreading', from: rotation.root, to, sinceMs: nowMs, epoch }
}

/** What follows from what is seen; to be called about once a second. */
export function lookAtRotation(rotation: Rotation, seen: Seen): Looked {
  if (rotation.step === 'steady') return { status: 'stays', why: 'no rotation is under way' }
  return rotation.step === 'spreading' ? lookWhileSpreading(rotation, seen) : lookWhileRenewing(rotation, seen)
}

function lookWhileSpreading(
  { from, to, sinceMs }: Extract<Rotation, { step: 'spreading' }>,
  { nowMs, behind, limits }: Seen,
): Looked {
  const rotation: Rotation = { step: 'renewing', from, to, sinceMs: nowMs }
  if (behind.length === 0)
    return { status: 'moves', rotation, why: 'every proxy trusts the new root: certificates come from it now' }
  const waitedMs = nowMs - sinceMs
  if (waitedMs < limits.patienceMs)
    return { status: 'stays', why: `${behind.length} proxies have not applied the new root yet` }
  return {
    status: 'moves',
    rotation,
    why: `waited ${Math.round(waitedMs / 1000)} s: certificates come from the new root now, though ${behind.length} proxies have not applied it`,
    leftBehind: behind,
  }
}

function lookWhileRenewing(
  { from, to }: Extract<Rotation, { step: 'renewing' }>,
  { nowMs, leavesUntilMs, limits }: Seen,
): Looked {
  const endMs = leavesUntilMs + limits.skewMs
  if (nowMs <= endMs)
    return {
      status: 'stays',
      why: `certificates of the old root may be valid until ${new Date(endMs).toISOString()}`,
    }
  return {
    status: 'moves',
    rotation: { step: 'steady', root: to },
    why: 'no certificate of the old root is valid any more: it is trusted no longer',
    retired: from,
  }
}

/** Reads what was kept. Undefined when it is nothing of ours. */
export function readRotation(text: string | undefined): Rotation | undefined {
  if (text === undefined) return undefined
  let given: Partial<Record<string, unknown>>
  try {
    given = JSON.parse(text) as Partial<Record<string, unknown>>
  } catch {
    return undefined
  }
  if (typeof given !== 'object' || given === null) return undefined
  const { step, root, from, to, sinceMs, epoch } = given
  if (step === 'steady' && typeof root === 'string') return { step, root }
  if (typeof from !== 'string' || typeof to !== 'string' || typeof sinceMs !== 'number') return undefined
  if (step === 'spreading' && typeof epoch === 'number') return { step, from, to, sinceMs, epoch }
  return step === 'renewing' ? { step, from, to, sinceMs } : undefined
}
