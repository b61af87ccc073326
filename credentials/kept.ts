import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { lineReader } from '../protocol/line-reader.ts'
import { checks } from '../protocol/word-checks.ts'
import type { Issued } from './credentials.ts'
import { whyNotOurs } from './issued.ts'

const BYTES_MAX = 2 * 1024 * 1024

const readKept = lineReader(checks.kept, BYTES_MAX)

/** Key and certificate of a service's proxy or of the collector (`member`) on disk, in one file of mode 0600, so that they always fit each other, and a restart needs no second token. */
export interface KeptCredentials {
  load(): { status: 'ok'; issued: Issued } | { status: 'none'; reason: string }
  /** Replaces the file as a whole. Returns why it could not. */
  save(issued: Issued): string | undefined
}

export function keptCredentials(path: string, member: string): KeptCredentials {
  return {
    load() {
      let text: string
      try {
        // Somebody may have restored it from a backup with other rights.
        if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600)
        text = readFileSync(path, 'utf8')
      } catch (error) {
        return { status: 'none', reason: (error as Error).message }
      }
      const read = readKept(text)
      // What is wrong with it is told, never what stands in it: it holds a private key.
      if (read.status === 'invalid') return { status: 'none', reason: `${path} is damaged` }
      const wrong = whyNotOurs(read.value, read.value.keyPem, member)
      return wrong === undefined
        ? { status: 'ok', issued: read.value }
        : { status: 'none', reason: `${path}: ${wrong}` }
    },
    save(issued) {
      const beside = `${path}.${process.pid}.new`
      try {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
        writeFileSync(beside, JSON.stringify(issued), { mode: 0o600 })
        renameSync(beside, path)
        return undefined
      } catch (error) {
        return (error as Error).message
      }
    },
  }
}
