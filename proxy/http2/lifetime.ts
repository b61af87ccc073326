import { NO_ERROR, PROTOCOL_ERROR, SETTINGS_TIMEOUT, WINDOW_MAX } from './codes.ts'
import { writeGoAway, writePing } from './frame-writer.ts'
import type { ConnectionState } from './state.ts'

/** What the sweep looks at of what came. */
interface Progress {
  readonly begun: boolean
  readonly unfinishedSinceMs: number
}

/** First bytes of the payloads of our PINGs. */
const DRAINING = 1
const ALIVE = 2

/** Of the PING that is being written: copied at once. */
const pingPayload = Buffer.alloc(8)

/** PINGs of ours, the connection's own timers, and the graceful end. */
export class Lifetime {
  readonly #state: ConnectionState
  readonly #startedMs: number
  /** When our PING left that is not answered, -1: none. */
  #pingedMs = -1
  #drainedMs = -1

  constructor(state: ConnectionState, nowMs: number) {
    this.#state = state
    this.#startedMs = nowMs
  }

  ping(): void {
    if (this.#pingedMs >= 0) return
    this.#pingedMs = this.#state.nowMs
    this.#sendPing(ALIVE)
  }

  #sendPing(kind: number): void {
    pingPayload.writeUInt32BE(kind)
    writePing(this.#state.output, false, pingPayload, 0)
    this.#state.wrote()
  }

  onPong(payload: number): void {
    if (payload === DRAINING) this.#lastWord()
    else if (payload === ALIVE && this.#pingedMs >= 0) {
      this.#pingedMs = -1
      this.#state.owner.onPong()
    }
  }

  /** First a GOAWAY that refuses nothing; what the client sent before it saw that is still taken, and its answer to PING comes behind. */
  drain(): void {
    const state = this.#state
    if (this.#drainedMs >= 0) return
    this.#drainedMs = state.nowMs
    state.opensNoMore = true
    if (state.role === 'server') {
      writeGoAway(state.output, WINDOW_MAX, NO_ERROR, 'draining')
      this.#sendPing(DRAINING)
      return
    }
    writeGoAway(state.output, 0, NO_ERROR, 'draining')
    state.wrote()
    state.checkDrained()
  }

  #lastWord(): void {
    const state = this.#state
    if (this.#drainedMs < 0 || state.lastTakenId >= 0) return
    state.lastTakenId = state.lastPeerId
    writeGoAway(state.output, state.lastTakenId, NO_ERROR, 'drained')
    state.wrote()
    state.checkDrained()
  }

  sweep(progress: Progress): void {
    const state = this.#state
    const { limits, nowMs } = state
    const ageMs = nowMs - this.#startedMs
    if (!progress.begun) {
      if (ageMs > limits.prefaceTimeoutMs)
        state.fail(PROTOCOL_ERROR, `no SETTINGS came for ${limits.prefaceTimeoutMs} ms`, 'prefaceTimeoutMs')
    } else if (!state.settingsAcked && ageMs > limits.settingsAckTimeoutMs) {
      const reason = `our SETTINGS were not acknowledged for ${limits.settingsAckTimeoutMs} ms`
      state.fail(SETTINGS_TIMEOUT, reason, 'settingsAckTimeoutMs')
    }
    const since = progress.unfinishedSinceMs
    if (progress.begun && since >= 0 && nowMs - since > limits.headerBlockTimeoutMs)
      state.breach('headerBlockTimeoutMs', 'a frame or header block is not completed')
    if (this.#pingedMs >= 0 && nowMs - this.#pingedMs > limits.pingTimeoutMs)
      state.fail(NO_ERROR, `a PING was not answered for ${limits.pingTimeoutMs} ms`, 'pingTimeoutMs')
    if (this.#drainedMs >= 0 && nowMs - this.#drainedMs > limits.pingTimeoutMs) this.#lastWord()
  }
}
