import { readFileSync } from 'node:fs'
import { type JoinToken, readJoinToken } from '../protocol/identity.ts'

export const JOIN_TOKEN_VARIABLE = 'TRIMTAB_PROXY_JOIN_TOKEN'

/**
 * The join token: from the file that was named, else from the environment. Never from a flag: arguments can be read by everybody on the
 * machine. What is wrong is told without the text, which is a secret.
 */
export function joinTokenOf(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): { status: 'ok'; token: JoinToken | undefined } | { status: 'invalid'; reason: string } {
  const where = file === undefined ? JOIN_TOKEN_VARIABLE : `--join-token-file ${file}`
  let text: string | undefined
  try {
    text = file === undefined ? env[JOIN_TOKEN_VARIABLE] : readFileSync(file, 'utf8')
  } catch (error) {
    return { status: 'invalid', reason: `${where} cannot be read: ${(error as Error).message}` }
  }
  if (text === undefined || text.trim() === '') return { status: 'ok', token: undefined }
  const token = readJoinToken(text)
  if (token !== undefined) return { status: 'ok', token }
  return {
    status: 'invalid',
    reason: `${where} is no join token: allowed is what \`trimtab token create\` prints, as it is`,
  }
}

/** An environment for a program that is not to know the token. */
export function withoutJoinToken(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { [JOIN_TOKEN_VARIABLE]: _, ...rest } = env
  return rest
}
