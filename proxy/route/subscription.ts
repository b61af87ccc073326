import type { buildConnector } from 'undici'
import { lineReader } from '../../protocol/line-reader.ts'
import type { Registration, SnapshotLine } from '../../protocol/snapshot.ts'
import { refusalOf } from '../../protocol/version.ts'
import { checks } from '../../protocol/word-checks.ts'
import type { Clock } from '../../runtime/clock.ts'
import { Agent, request } from '../../runtime/http-client.ts'
import type { Log } from '../../runtime/log.ts'
import { lineSplitter } from '../../runtime/ndjson.ts'
import { shortText } from '../../runtime/short-text.ts'
import type { LastGood } from './last-good.ts'
import { applyLine, applyWhole, type PolicyInForce } from './policy.ts'

const LINE_BYTES_MAX = 64 * 1024 * 1024
const SILENCE_MS = 3000
const SAVE_DELAY_MS = 200
const BACKOFF_MAX_MS = 2000

const readLine = lineReader(checks.snapshotLine, LINE_BYTES_MAX)
const readHello = lineReader(checks.hello, 8192)

export interface SubscriptionParts {
  /** Base URL of control. */
  controlUrl: string
  /** What control is told of this proxy. Rejects when that cannot be known yet. */
  registration: () => Promise<Registration>
  /** Where control is reached over TLS: how to connect, and when there is a certificate to connect with. */
  secure?: { connector: buildConnector.connector; ready: Promise<void> } | undefined
  policy: PolicyInForce
  lastGood: LastGood | undefined
  clock: Clock
  /** In [0, 1), for jitter. */
  random: () => number
  log: Log
}

export interface SubscriptionState {
  connected: boolean
  /** What is wrong, for /ready; '' when all is well. */
  problem: string
  refused: { epoch: number; reason: string } | undefined
}

export interface Subscription {
  readonly state: SubscriptionState
  close(): Promise<void>
}

/**
 * Keeps the policy up to date from control's snapshot stream; the open stream is this instance's heartbeat. Reconnects with back-off and
 * jitter for ever; three silent seconds count as a lost stream. While control is away the policy in force stays as it is.
 */
export function subscribe(parts: SubscriptionParts): Subscription {
  const { clock, random, log } = parts
  const state: SubscriptionState = { connected: false, problem: 'control was not reached yet', refused: undefined }
  const agent = new Agent({
    connect: parts.secure?.connector ?? { timeout: 2000 },
    bodyTimeout: 0,
    headersTimeout: 5000,
    pipelining: 0,
  })
  const saver = delayedSave(parts)
  let closed = false
  let failures = 0
  let stop = () => {}
  let cancelRetry = () => {}

  const connect = async (): Promise<void> => {
    const lost = new AbortController()
    stop = () => lost.abort()
    let heardMs = clock.now()
    const watch = clock.every(500, () => {
      if (clock.now() - heardMs > SILENCE_MS) lost.abort(new Error(`control was silent for ${SILENCE_MS} ms`))
    })
    try {
      const answer = await request(snapshotUrl(parts.controlUrl, await parts.registration()), {
        dispatcher: agent,
        signal: lost.signal,
      })
      if (answer.statusCode !== 200)
        throw new Error(`control answered ${answer.statusCode}: ${await shortText(answer.body, 500)}`)
      const lines = streamReader(parts, state, saver, {
        heard: () => {
          failures = 0
        },
        giveUp: reason => lost.abort(new Error(reason)),
      })
      for await (const chunk of answer.body) {
        heardMs = clock.now()
        lines.feed(chunk as Buffer)
        lost.signal.throwIfAborted()
      }
      throw new Error('control ended the stream')
    } catch (error) {
      if (closed) return
      if (state.connected)
        log.warn(
          `snapshot stream lost: ${(error as Error).message}; the policy of epoch ${parts.policy.current.epoch} stays in force`,
        )
      else if (failures === 0) log.warn(`no policy from control: ${(error as Error).message}; trying again`)
      state.connected = false
      state.problem = (error as Error).message
    } finally {
      watch()
    }
    const delayMs = Math.min(BACKOFF_MAX_MS, 100 * 2 ** failures++) * (0.5 + random() / 2)
    cancelRetry = clock.after(delayMs, () => void connect())
  }
  if (parts.secure === undefined) void connect()
  else {
    state.problem = 'waits for the first certificate: see identity'
    void parts.secure.ready.then(() => {
      if (!closed) void connect()
    })
  }
  return {
    state,
    async close() {
      closed = true
      cancelRetry()
      stop()
      saver.flush()
      await agent.destroy()
    },
  }
}

function snapshotUrl(controlUrl: string, registration: Registration): URL {
  const url = new URL('/v1/snapshots', controlUrl)
  for (const [name, value] of Object.entries(registration)) url.searchParams.set(name, value)
  return url
}

/**
 * Reads one stream, line by line. `heard` is told of each line that holds, so that a control that greets and then talks nonsense is not
 * asked again at once; after `giveUp` nothing more is read.
 */
function streamReader(
  parts: SubscriptionParts,
  state: SubscriptionState,
  saver: { changed(): void },
  { heard, giveUp }: { heard: () => void; giveUp: (reason: string) => void },
) {
  const take = snapshotTaker(parts, state, saver)
  let greeted = false
  let over = false
  const end = (reason: string) => {
    over = true
    giveUp(reason)
  }
  const onLine = (line: string) => {
    if (over) return
    if (!greeted) {
      const hello = readHello(line)
      const refusal =
        hello.status === 'ok' ? refusalOf(hello.value, 'proxy') : `control's first line does not hold: ${hello.reason}`
      if (refusal !== undefined) return end(refusal)
      greeted = true
      state.connected = true
      state.problem = ''
      return
    }
    const read = readLine(line)
    if (read.status === 'invalid') return end(`a snapshot line does not hold: ${read.reason}`)
    heard()
    take(read.value)
  }
  return lineSplitter(LINE_BYTES_MAX, onLine, () => end(`a snapshot line is over ${LINE_BYTES_MAX} bytes`))
}

/**
 * Takes the snapshot lines of one stream, the first of which carries everything. Control believes that we have what it told: what a refused
 * or stale line said is kept aside and applied together with the next one, else the next would change something we never had.
 */
function snapshotTaker({ policy, log }: SubscriptionParts, state: SubscriptionState, saver: { changed(): void }) {
  let whole = true
  let untaken: SnapshotLine['sections'] = {}
  return ({ epoch, sections }: SnapshotLine): void => {
    if (sections === undefined) return
    const line: SnapshotLine = { epoch, sections: { ...untaken, ...sections } }
    const applied = whole ? applyWhole(policy.current, line) : applyLine(policy.current, line)
    if (applied.status !== 'applied') {
      untaken = line.sections
      if (applied.status === 'stale') return
      state.refused = { epoch: applied.epoch, reason: applied.reason }
      log.error(`snapshot ${applied.epoch} refused: ${applied.reason}; epoch ${policy.current.epoch} stays in force`)
      return
    }
    whole = false
    untaken = {}
    state.refused = undefined
    policy.replace(applied.policy)
    log.debug(`snapshot ${applied.policy.epoch} in force`)
    saver.changed()
  }
}

/** Saves a moment after a change, so that a run of changes is written once. */
function delayedSave({ policy, lastGood, clock, log }: SubscriptionParts) {
  let pending = false
  let cancel = () => {}
  const flush = () => {
    if (!pending) return
    pending = false
    cancel()
    const problem = lastGood?.save(policy.current)
    if (problem !== undefined) log.warn(`the last good snapshot cannot be kept on disk: ${problem}`)
  }
  return {
    changed() {
      if (lastGood === undefined || pending) return
      pending = true
      cancel = clock.after(SAVE_DELAY_MS, flush)
    },
    flush,
  }
}
