import { readFileSync } from 'node:fs'
import { type JoinToken, readJoinToken } from '../protocol/identity.ts'

/**
 * The join token: from the file that was named, else from this variable of the environment. Never from a flag: arguments can be read by everybody on the
 * machine. What is wrong is told without the text, which is a secret.
 */
export function joinTokenOf(
  file: string | undefined,
  variable: string,
  env: Readonly<Record<string, string | undefined>>,
): { status: 'ok'; token: JoinToken | undefined } | { status: 'invalid'; reason: string } {
  const where = file === undefined ? variable : `--join-token-file ${file}`
  let text: string | undefined
  try {
    text = file === undefined ? env[variable] : readFileSync(file, 'utf8')
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

/** An environment for a program that is not to know the token of this variable. */
export function withoutJoinToken(variable: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { [variable]: _, ...rest } = env
  return rest
}
