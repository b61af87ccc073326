import type { Authority } from './certificates.ts'
import type { Looked, Rotation, Seen } from './rotation.ts'

export interface TrustedRoot {
  fingerprint: string
  /** PEM. */
  certificate: string
}

/** Nothing can be signed: what is wrong, and what a person can do. */
export interface Locked {
  status: 'locked'
  reason: string
  hint: string
}

export type Issuing = { status: 'ready'; authority: Authority } | Locked

/** Where certificates come from and which roots are trusted: made by control itself, or brought from outside. */
export interface Authorities {
  readonly kind: 'built-in' | 'outside'
  readonly rotation: Rotation
  /** What signs at this moment (wall clock, ms). */
  issuing(nowMs: number): Issuing
  /**
   * What signs control's own certificate: the root that stays, with the way to the one that goes. So whoever trusts either of the two knows
   * control, be it by a join token of today or by a snapshot of last week.
   */
  issuingOwn(nowMs: number): Issuing
  /** The newest first; never empty. */
  trusted(): TrustedRoot[]
  /**
   * A second root beside the first. Refused while one is under way, while locked, and for an authority from outside. The caller
   * publishes it and then tells `spread` in which epoch.
   */
  begin(nowMs: number): Promise<{ status: 'begun'; root: string } | { status: 'refused'; reason: string; hint: string }>
  /** The epoch that brought the new root, since when proxies can have applied it. */
  spread(epoch: number): void
  /** Moves the rotation on when it is time; what happened is told. `leavesUntilMs` is known here. */
  look(seen: Omit<Seen, 'leavesUntilMs'>): Looked
  /** A new root at once, for when the key of the one before is lost: that one is trusted until its last certificate ends. */
  reset(nowMs: number): Promise<{ status: 'done'; root: string } | { status: 'refused'; reason: string; hint: string }>
}
