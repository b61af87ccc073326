import { readFileSync, statSync } from 'node:fs'

const BYTES_MAX = 64 * 1024

/** A secret in a file: its text without the final newline; the file must not be readable by others than its owner and group. */
export function readSecret(file: string): { status: 'ok'; text: string } | { status: 'none'; reason: string } {
  try {
    const { size, mode } = statSync(file)
    if (size > BYTES_MAX) return { status: 'none', reason: `it has ${size} bytes, ${BYTES_MAX} are allowed` }
    if ((mode & 0o007) !== 0) return { status: 'none', reason: 'everybody may read it: chmod 600' }
    const text = readFileSync(file, 'utf8').trim()
    return text === '' ? { status: 'none', reason: 'it is empty' } : { status: 'ok', text }
  } catch (error) {
    return { status: 'none', reason: (error as Error).message }
  }
}
