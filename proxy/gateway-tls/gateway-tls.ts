import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import type { GatewayTls } from '../../protocol/gateway-tls.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import { filesOf, type LoadedTls, loadGatewayTls } from './load.ts'

/** How often files are looked at: a change is taken up within this time. */
const POLL_MS = 1000

/** A gateway's TLS as its files have it now; a file that does not hold leaves what was before in force. */
export interface GatewayFiles {
  /** Undefined: clear text is asked for, or nothing that holds was read yet. */
  readonly current: LoadedTls | undefined
  /** What is wrong with the files; '' when nothing is. */
  readonly problem: string
  /** What section `listener` says; undefined: clear text. */
  follow(tls: GatewayTls | undefined): void
  close(): void
}

export function gatewayFiles(directory: string, { clock, log }: { clock: Clock; log: Log }): GatewayFiles {
  // Sessions outlive a reload, but not a change of whose certificates are believed.
  let ticketKeys = randomBytes(48)
  let followed: GatewayTls | undefined
  let current: LoadedTls | undefined
  let problem = ''
  let seen = ''

  function load(why: string): void {
    if (followed === undefined) return
    seen = stampOf(filesOf(followed, directory))
    const loaded = loadGatewayTls(followed, directory, ticketKeys)
    if (loaded.status === 'ok') {
      if (current !== undefined && String(current.clientRoots) !== String(loaded.value.clientRoots)) {
        ticketKeys = randomBytes(48)
        loaded.value.options.ticketKeys = ticketKeys
      }
      current = loaded.value
      problem = ''
      log.info(`${why}: ${loaded.value.shown.length} certificates for users are in force`)
      return
    }
    problem = loaded.reason
    const kept = current === undefined ? 'users cannot connect' : 'the certificates from before stay in force'
    log.error(`TLS of this gateway: ${problem}; ${kept}`)
  }

  const stop = clock.every(POLL_MS, () => {
    if (followed !== undefined && stampOf(filesOf(followed, directory)) !== seen) load('files changed')
  })
  return {
    get current() {
      return current
    },
    get problem() {
      return problem
    },
    follow(tls) {
      if (JSON.stringify(tls) === JSON.stringify(followed)) return
      followed = tls
      if (tls !== undefined) return load('told so')
      current = undefined
      problem = ''
    },
    close: stop,
  }
}

/** Changes whenever one of the files does: by time, size or being another file of the same name. */
function stampOf(files: readonly string[]): string {
  return files
    .map(file => {
      const found = statSync(file, { throwIfNoEntry: false })
      return found === undefined ? 'none' : `${found.ino} ${found.mtimeMs} ${found.size}`
    })
    .join(',')
}
