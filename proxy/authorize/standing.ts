import type { Policy } from '../route/policy.ts'
import { forwardedHeaders, type Removal, removalOf } from './jwt/forward.ts'
import { type CompiledIntentions, compileIntentions } from './verdict.ts'

/** What authorization goes by. */
export type Standing =
  | { status: 'told'; compiled: CompiledIntentions; removal: Removal | undefined }
  /** Control says nothing of intentions, and in clear text nobody could prove who he is: everybody is let in. */
  | { status: 'open' }
  /** Nobody told anything yet, or callers must prove who they are and nobody said who may: nobody is let in. */
  | { status: 'closed' }

/** docs/adr/0008. */
export function standingOf({ listener, intentions }: Pick<Policy, 'listener' | 'intentions'>): Standing {
  if (intentions !== undefined)
    return {
      status: 'told',
      compiled: compileIntentions(intentions),
      removal: removalOf(forwardedHeaders(intentions.jwt)),
    }
  return { status: listener === undefined || listener.mtls === 'strict' ? 'closed' : 'open' }
}
