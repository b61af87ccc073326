import { Value } from 'typebox/value'
import { Identity, IssuedCertificate, KeptCertificate, TrustedRoots } from './credentials.ts'
import { Hello } from './hello.ts'
import { Intentions } from './intentions.ts'
import { firstProblem } from './read.ts'
import { Listener, SnapshotLine, Telemetry, Upstream } from './snapshot.ts'

/**
 * What a proxy reads, and what whoever has a certificate of the mesh does. Its checks are written out in word-checks.generated.ts (`npm run checks`): a proxy that brought the schema library
 * along, to make the same checks from the schemas at every start, would weigh a third more. This file is loaded to say what is wrong.
 */
export const words = {
  hello: Hello,
  snapshotLine: SnapshotLine,
  listener: Listener,
  telemetry: Telemetry,
  identity: Identity,
  intentions: Intentions,
  upstream: Upstream,
  trustedRoots: TrustedRoots,
  issuedCertificate: IssuedCertificate,
  kept: KeptCertificate,
} as const

/**
 * Of a value that is no such word: the path of the first field that is wrong, and how.
 * @public word-checks.ts loads it when it is asked for.
 */
export function problemOf(name: keyof typeof words, value: unknown): string {
  return firstProblem(Value.Errors(words[name], value))
}
