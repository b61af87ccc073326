import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { lineReader } from '../../protocol/line-reader.ts'
import { checks } from '../../protocol/word-checks.ts'
import { applyLine, emptyPolicy, type Policy } from './policy.ts'

const BYTES_MAX = 64 * 1024 * 1024
const readLine = lineReader(checks.snapshotLine, BYTES_MAX)

/** The last good snapshot on disk: what a proxy goes by when it starts while control is away. */
export interface LastGood {
  /** The policy kept, or undefined with the reason when there is none that can be used. */
  load(): { status: 'ok'; policy: Policy } | { status: 'none'; reason: string }
  /** Replaces the file as a whole (write beside, then rename). Returns why it could not. */
  save(policy: Policy): string | undefined
}

export function lastGoodFile(path: string): LastGood {
  return {
    load() {
      let text: string
      try {
        text = readFileSync(path, 'utf8')
      } catch (error) {
        return { status: 'none', reason: (error as Error).message }
      }
      const read = readLine(text)
      if (read.status === 'invalid') return { status: 'none', reason: `${path} is damaged: ${read.reason}` }
      const applied = applyLine(emptyPolicy, read.value)
      if (applied.status !== 'applied')
        return {
          status: 'none',
          reason: `${path} does not hold: ${applied.status === 'refused' ? applied.reason : applied.status}`,
        }
      return { status: 'ok', policy: applied.policy }
    },
    save(policy) {
      const beside = `${path}.${process.pid}.new`
      try {
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(beside, JSON.stringify({ epoch: policy.epoch, sections: policy.sections }), { mode: 0o600 })
        renameSync(beside, path)
        return undefined
      } catch (error) {
        return (error as Error).message
      }
    },
  }
}
