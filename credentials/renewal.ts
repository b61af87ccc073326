import type { SecureVersion } from 'node:tls'
import type { Identity } from '../protocol/credentials.ts'
import type { JoinToken } from '../protocol/identity.ts'
import { writeJoinToken } from '../protocol/identity.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { occasionalLog } from '../runtime/occasional-log.ts'
import { type Asked, fetchRoots, requestCertificate } from './authority.ts'
import {
  type Credentials,
  type CredentialsInForce,
  credentialsInForce,
  credentialsOf,
  type Issued,
} from './credentials.ts'
import { whyNotOurs } from './issued.ts'
import type { KeptCredentials } from './kept.ts'
import { type KeyAndRequest, newKey } from './key-pair.ts'
import { type ProofFacts, proofToUse } from './proof.ts'
import { reissueDelayMs, renewalDelayMs, retryDelayMs } from './schedule.ts'

const LOG_PERIOD_MS = 60_000
/** setTimeout takes 24 days at most; and a machine that slept wakes to a certificate that is due. */
const TIMER_MAX_MS = 3_600_000
const TIMER_SLACK_MS = 5

export interface RenewalParts {
  /** https URL of control. */
  controlUrl: string
  /** A service or gateway, or COLLECTOR. */
  member: string
  /** For the first certificate, and when the present one has expired; asked for each time, a file may come late. undefined: there is none. */
  token: () => JoinToken | undefined
  /** What a person does when a token is missing. */
  howToJoin: string
  kept: KeptCredentials | undefined
  minVersion: SecureVersion
  clock: Clock
  /** In [0, 1). */
  random: () => number
  log: Log
}

export interface IdentityState {
  /** What is wrong; '' when all is well. */
  problem: string
  renewals: number
  failures: number
}

/** Keeps credentials good: the first by token, later ones by the certificate in force, retried for ever. */
export interface Renewal extends CredentialsInForce {
  readonly state: IdentityState
  /** Section `identity` of a snapshot, or what control says to who hears none, whenever it is in force. */
  heard(identity: Pick<Identity, 'roots' | 'issuer'>): void
  /** What is to be said of it now, for /ready and for requests that need it: until when, or what is missing. */
  told(): { ok: boolean; detail: string }
  /** Renews at once because a person wants it; says what came of it. */
  renewNow(): Promise<{ ok: boolean; detail: string }>
  close(): void
}

export function keepRenewed(parts: RenewalParts): Renewal {
  const { clock, random, log, kept, member } = parts
  const inForce = credentialsInForce()
  const state: IdentityState = { problem: '', renewals: 0, failures: 0 }
  const say = occasionalLog(clock, LOG_PERIOD_MS, line => log.warn(line))
  let issued: Issued | undefined
  let wantedIssuer = ''
  let lastHeard: Pick<Identity, 'roots' | 'issuer'> | undefined
  let failuresInRow = 0
  /** The same over all tries by token: control takes a spent one-time token again for its key, should the first answer have been lost. */
  let tokenKey: KeyAndRequest | undefined
  let lastFailed: ProofFacts['failed']
  let running = false
  let closed = false
  let dueMs = Number.POSITIVE_INFINITY
  let cancel = () => {}

  const leftMs = () => (inForce.current === undefined ? 0 : inForce.current.notAfterMs - clock.wall())

  function take(next: Issued, keep: boolean): void {
    issued = next
    inForce.replace(credentialsOf(next, parts.minVersion, inForce.current))
    const problem = keep ? kept?.save(next) : undefined
    if (problem !== undefined)
      log.warn(`key and certificate cannot be kept on disk, a restart needs the token again: ${problem}`)
  }

  /** A timer's delay has a bound; and what falls due earlier stands. */
  function schedule(delayMs: number): void {
    if (closed) return
    dueMs = clock.now() + delayMs
    cancel()
    cancel = clock.after(Math.min(delayMs, TIMER_MAX_MS), () => {
      const leftMs = dueMs - clock.now()
      if (leftMs > TIMER_SLACK_MS) schedule(leftMs)
      else void renew()
    })
  }

  async function renew(): Promise<void> {
    if (running || closed) return
    running = true
    const asked = await obtain().catch((error: Error): Asked<never> => ({ status: 'failed', reason: error.message }))
    running = false
    if (closed) return
    if (asked.status === 'ok') succeeded(asked.value)
    else failed(asked)
  }

  async function obtain(): Promise<Asked<Issued>> {
    const current = inForce.current
    const token = parts.token()
    const by = proofToUse({
      hasCertificate: current !== undefined,
      expired: leftMs() <= 0,
      hasToken: token !== undefined,
      failed: lastFailed,
    })
    lastFailed = { by, refused: false }
    if (by === 'none') return { status: 'failed', reason: needsToken('nothing proves who this is') }
    const key = (by === 'token' && tokenKey) || (await newKey())
    if (by === 'token') tokenKey = key
    const { keyPem, csrPem } = key
    const known =
      by === 'token' ? await fetchRoots(parts.controlUrl, token!) : { status: 'ok' as const, value: current! }
    if (known.status !== 'ok') return known
    const proof = by === 'token' ? { token: writeJoinToken(token!) } : { own: current! }
    const order = { service: member, csr: csrPem }
    const answer = await requestCertificate(parts.controlUrl, known.value, proof, order, clock.wall)
    lastFailed.refused = answer.status === 'refused'
    if (answer.status !== 'ok') return answer
    const wrong = whyNotOurs(answer.value, keyPem, member)
    if (wrong !== undefined) return { status: 'failed', reason: `control's answer does not hold: ${wrong}` }
    const { trustDomain, dc } = known.value
    return { status: 'ok', value: { ...answer.value, keyPem, trustDomain, dc, receivedMs: clock.wall() } }
  }

  function succeeded(next: Issued): void {
    const first = inForce.current === undefined
    take(next, true)
    state.problem = ''
    lastFailed = undefined
    tokenKey = undefined
    if (!first) state.renewals++
    log.info(`${first ? 'has' : 'renewed'} its certificate: ${next.spiffeId}, until ${next.notAfter}`)
    const fits = wantedIssuer === '' || next.issuer === wantedIssuer
    failuresInRow = fits ? 0 : failuresInRow + 1
    // Control may be a moment behind its own word: asked again, ever more seldom.
    schedule(
      fits ? renewalDelayMs(inForce.current!, clock.wall(), random()) : retryDelayMs(failuresInRow, leftMs(), random()),
    )
  }

  function failed({ reason }: { reason: string }): void {
    state.failures++
    const isStuck = lastFailed?.by === 'certificate' && lastFailed.refused && parts.token() === undefined
    state.problem = isStuck ? needsToken(reason) : reason
    say('renewal', `no new certificate: ${state.problem}; ${standing(inForce.current, clock.wall())}`)
    schedule(retryDelayMs(failuresInRow++, leftMs(), random()))
  }

  function start(): void {
    const found = kept?.load()
    if (found?.status === 'ok') take(found.issued, false)
    else if (found !== undefined && parts.token() === undefined) log.warn(`no certificate was kept: ${found.reason}`)
    const current = inForce.current
    if (current !== undefined && leftMs() > 0) schedule(renewalDelayMs(current, clock.wall(), random()))
    else void renew()
  }

  /** Roots are control's word; so is which of them certificates come from now. */
  function heard(identity: Pick<Identity, 'roots' | 'issuer'>): void {
    if (identity === lastHeard) return
    lastHeard = identity
    wantedIssuer = identity.issuer
    const current = inForce.current
    if (issued === undefined || current === undefined) return
    if (identity.roots.length > 0 && !sameTexts(identity.roots, current.roots)) {
      log.info(`trusts ${identity.roots.length} root${identity.roots.length === 1 ? '' : 's'} now`)
      take({ ...issued, roots: identity.roots }, true)
    }
    const soonMs = reissueDelayMs(leftMs(), random())
    if (current.issuer !== wantedIssuer && clock.now() + soonMs < dueMs) schedule(soonMs)
  }

  function needsToken(why: string): string {
    return `${why}, and no join token was given: ${parts.howToJoin}`
  }

  start()
  return {
    get current() {
      return inForce.current
    },
    replace: inForce.replace,
    onChange: inForce.onChange,
    state,
    heard,
    told() {
      const ok = state.problem === '' && leftMs() > 0
      const now = standing(inForce.current, clock.wall())
      return { ok, detail: state.problem === '' ? now : `${now}; ${state.problem}` }
    },
    async renewNow() {
      const before = inForce.current
      await renew()
      const ok = inForce.current !== before
      return { ok, detail: ok ? standing(inForce.current, clock.wall()) : state.problem || 'one is under way already' }
    },
    close() {
      closed = true
      cancel()
    },
  }
}

/** Until when there is a certificate. */
function standing(current: Credentials | undefined, wallMs: number): string {
  if (current === undefined) return 'no certificate yet'
  const until = new Date(current.notAfterMs).toISOString()
  if (wallMs >= current.notAfterMs) return `the certificate has expired at ${until}: others refuse it`
  return `${current.spiffeId} until ${until} (${Math.round((current.notAfterMs - wallMs) / 1000)} s)`
}

function sameTexts(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every(text => others.includes(text))
}
