import { joinTokenOf } from '../credentials/join-token.ts'
import type { JoinToken } from '../protocol/identity.ts'

const VARIABLE = 'TRIMTAB_COLLECTOR_JOIN_TOKEN'

/**
 * Where the join token comes from. A file is read anew each time that a token is needed: control may write it after the collector has
 * started, and writes it anew when the root changes. One from the environment must be good at once.
 */
export function joinTokenSource(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): { status: 'ok'; token: () => JoinToken | undefined } | { status: 'invalid'; reason: string } {
  const look = () => joinTokenOf(file, VARIABLE, env)
  const found = look()
  if (file === undefined && found.status === 'invalid') return found
  return {
    status: 'ok',
    token() {
      const read = look()
      return read.status === 'ok' ? read.token : undefined
    },
  }
}

/** What a person does when there is none. */
export function howToJoin(file: string | undefined): string {
  const make = 'make one with `trimtab token create --collector`'
  return file === undefined
    ? `${make} and start the collector with ${VARIABLE} or --join-token-file`
    : `${make} and write it to ${file}, where it is looked for, or let control keep it there (--collector-token-file)`
}
