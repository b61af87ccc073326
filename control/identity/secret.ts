import { randomBytes } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs'

/** What the private keys of roots are encrypted under. */
export type ReadSecret =
  | { status: 'ok'; secret: string; from: string; made: boolean }
  | { status: 'refused'; reason: string; hint: string }

const SECRET_MIN = 16
const SECRET_MAX = 1024

/**
 * The secret that was told (from the environment), else the text of `file`, which is made when it is absent and `mayMake` is set.
 * A file that others may read is refused: whoever reads it and the state can be anybody in the mesh.
 */
export function readSecret(file: string, told: string | undefined, mayMake: boolean): ReadSecret {
  if (told !== undefined) return long(told, 'the setting caSecret')
  try {
    const descriptor = openSync(file, 'r')
    try {
      const mode = fstatSync(descriptor).mode & 0o777
      if ((mode & 0o077) !== 0)
        return {
          status: 'refused',
          reason: `the key file ${file} has mode ${mode.toString(8)}: others than its owner may read it`,
          hint: `chmod 600 ${file}, and start control again. If somebody may have read it: trimtab ca rotate afterwards.`,
        }
      return long(readFileSync(descriptor, 'utf8').trim(), `the key file ${file}`)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return unreadable(file, error as Error)
    return mayMake ? makeSecret(file) : missing(file)
  }
}

function makeSecret(file: string): ReadSecret {
  const secret = randomBytes(32).toString('base64url')
  try {
    writeFileSync(file, `${secret}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    return unreadable(file, error as Error)
  }
  return { status: 'ok', secret, from: `the key file ${file}`, made: true }
}

function long(secret: string, from: string): ReadSecret {
  if (secret.length >= SECRET_MIN && secret.length <= SECRET_MAX) return { status: 'ok', secret, from, made: false }
  return {
    status: 'refused',
    reason: `${from} has ${secret.length} characters: ${SECRET_MIN} to ${SECRET_MAX} are taken`,
    hint: 'Give it a long random text, such as: openssl rand -base64 32',
  }
}

function missing(file: string): ReadSecret {
  return {
    status: 'refused',
    reason: `the key file ${file} is gone, and the private key of the root is encrypted under it`,
    hint: `Restore it from your backup and start control again. If it is lost: trimtab ca reset makes a new root; every proxy then needs a new join token before its certificate ends.`,
  }
}

function unreadable(file: string, error: Error): ReadSecret {
  return {
    status: 'refused',
    reason: `the key file ${file} cannot be used: ${error.message}`,
    hint: 'Let the user that control runs as own it, with mode 600.',
  }
}
