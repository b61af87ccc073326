import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { readJoinToken, writeJoinToken } from '../../protocol/identity.ts'
import type { NewToken, TokenBook } from './token-book.ts'
import { readAuthorization, writePersonToken } from './tokens.ts'

export interface TokenFile {
  path: string
  /** Permissions of a file that is made: 0o600, or 0o640 where a group is to read it. */
  mode: number
  wanted: NewToken
}

export type Written =
  | { status: 'kept' }
  | { status: 'written'; id: string; text: string }
  | { status: 'failed'; reason: string }

/**
 * Sees to it that a file holds a token that is good, for programs beside control (in one compose file, on one shared volume) that read
 * it there. One that is good already stays: whoever has read it goes on. `pin`: of the root that it is to stand with.
 */
export function keepTokenFile({ path, mode, wanted }: TokenFile, tokens: TokenBook, pin: string): Written {
  try {
    const found = readHeld(path)
    const presented = readAuthorization(`Bearer ${found}`)
    const known = presented === undefined || presented === 'malformed' ? undefined : tokens.know(presented)
    const fits = known?.status === 'taken' && known.token.kind === wanted.kind && sameServices(known.token, wanted)
    if (fits) {
      const join = readJoinToken(found)
      if (join === undefined || join.pin === pin) return { status: 'kept' }
      // The root was rotated: the token is the same, the root that it stands with is not.
      writeWhole(path, writeJoinToken({ ...join, pin }), mode)
      return { status: 'written', id: join.id, text: writeJoinToken({ ...join, pin }) }
    }
    const created = tokens.create(wanted)
    if (created.status === 'full') return { status: 'failed', reason: `there are ${created.tokensMax} tokens already` }
    const { token, secret } = created
    const text =
      wanted.kind === 'join' ? writeJoinToken({ id: token.id, secret, pin }) : writePersonToken(token.id, secret)
    writeWhole(path, text, mode)
    return { status: 'written', id: token.id, text }
  } catch (error) {
    return { status: 'failed', reason: (error as Error).message }
  }
}

function sameServices(token: { services: '*' | string[] }, { services = '*' }: NewToken): boolean {
  return String(token.services) === String(services)
}

function readHeld(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

/** Whoever reads the file sees the old text or the new one, never half of one. */
function writeWhole(path: string, text: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true })
  const beside = `${path}.${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(beside, `${text}\n`, { mode, flag: 'wx' })
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
}
