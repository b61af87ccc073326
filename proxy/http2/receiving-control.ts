// Frames about the connection and its streams, other than heads and bodies (RFC 9113, 6.3 to 6.9).
import {
  ACK,
  FLOW_CONTROL_ERROR,
  FRAME_SIZE_ERROR,
  INITIAL_WINDOW_SIZE,
  MAX_CONCURRENT_STREAMS,
  NO_ERROR,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
} from './codes.ts'
import { uint31At } from './frame-reader.ts'
import { writePing, writeSettingsAck } from './frame-writer.ts'
import type { HpackDecoder } from './hpack/decoder.ts'
import { isIdle } from './late-frames.ts'
import type { Sending } from './sending.ts'
import type { ConnectionState } from './state.ts'

const SETTING_BYTES = 6

/** Each answers whether to go on reading. Payloads are [from, to) of `bytes`. */
export class ReceivingControl {
  readonly #state: ConnectionState
  readonly #sending: Sending
  readonly #decoder: HpackDecoder

  constructor(state: ConnectionState, sending: Sending, decoder: HpackDecoder) {
    this.#state = state
    this.#sending = sending
    this.#decoder = decoder
  }

  // ---- SETTINGS

  settings(flags: number, streamId: number, bytes: Buffer, from: number, to: number): boolean {
    const state = this.#state
    if (streamId !== 0) return this.#fail(PROTOCOL_ERROR, 'SETTINGS on a stream')
    if ((flags & ACK) !== 0) return this.#settingsAck(to - from)
    const entries = (to - from) / SETTING_BYTES
    if (!Number.isInteger(entries)) return this.#fail(FRAME_SIZE_ERROR, 'SETTINGS with a part of a setting')
    if (entries > state.limits.settingsEntriesMax)
      return this.#breach('settingsEntriesMax', 'too many settings in one frame')
    if (!state.floods.settingsFrames.take(state.nowMs)) return this.#breach('settingsFramesBurst', 'too many SETTINGS')
    const windowBefore = state.peer.initialWindowBytes
    let saidStreamsMax = false
    for (let at = from; at < to; at += SETTING_BYTES) {
      const id = bytes.readUInt16BE(at)
      if (id === MAX_CONCURRENT_STREAMS) saidStreamsMax = true
      const fault = state.peer.take(state.role, id, bytes.readUInt32BE(at + 2))
      if (fault !== NO_ERROR) return this.#fail(fault, `SETTINGS with a value that setting ${id} cannot have`)
    }
    return this.#settingsApply(windowBefore, saidStreamsMax)
  }

  #settingsApply(windowBefore: number, saidStreamsMax: boolean): boolean {
    const state = this.#state
    if (!state.peer.known) state.peer.firstComplete(saidStreamsMax)
    state.encoder.setPeerTableBytes(state.peer.headerTableBytes)
    if (!this.#sending.shiftWindows(state.peer.initialWindowBytes - windowBefore))
      return this.#fail(FLOW_CONTROL_ERROR, `setting ${INITIAL_WINDOW_SIZE} makes a window too large`)
    writeSettingsAck(state.output)
    state.replied()
    this.#sending.pump()
    if (!state.ended) state.owner.onSettings()
    return !state.ended
  }

  #settingsAck(bytes: number): boolean {
    const state = this.#state
    if (bytes !== 0) return this.#fail(FRAME_SIZE_ERROR, 'an acknowledgement of SETTINGS with a payload')
    // We send SETTINGS once: what is acknowledged a second time means nothing.
    if (state.settingsAcked) return this.ignored()
    state.settingsAcked = true
    this.#decoder.onSettingsAcked()
    const delta = state.limits.streamWindowBytes - state.receiveWindowInitial
    state.receiveWindowInitial = state.limits.streamWindowBytes
    for (const stream of state.streams.all()) stream.receiveWindow += delta
    return true
  }

  // ---- streams

  reset(streamId: number, bytes: Buffer, from: number, to: number): boolean {
    const state = this.#state
    if (streamId === 0) return this.#fail(PROTOCOL_ERROR, 'RST_STREAM on stream 0')
    if (to - from !== 4) return this.#fail(FRAME_SIZE_ERROR, 'RST_STREAM of other than four bytes')
    if (isIdle(state, streamId)) return this.#fail(PROTOCOL_ERROR, 'RST_STREAM on a stream that was not opened')
    const stream = state.streams.get(streamId)
    if (stream === undefined) return this.ignored()
    const code = bytes.readUInt32BE(from)
    state.stats.resetsReceived++
    state.closed.resetByPeer.add(streamId)
    state.forget(stream)
    const unprocessed = state.role === 'client' && code === REFUSED_STREAM
    state.tellBroken(stream, { code, by: 'peer', unprocessed, reason: 'the peer reset the stream' })
    // Of streams that we opened the peer resets as many as it likes.
    if (state.role === 'server' && !state.ended && !state.floods.resets.take(state.nowMs))
      return this.#breach('resetsBurst', 'too many streams opened and reset')
    return !state.ended
  }

  windowUpdate(streamId: number, bytes: Buffer, from: number, to: number): boolean {
    const state = this.#state
    if (to - from !== 4) return this.#fail(FRAME_SIZE_ERROR, 'WINDOW_UPDATE of other than four bytes')
    if (streamId !== 0 && isIdle(state, streamId))
      return this.#fail(PROTOCOL_ERROR, 'WINDOW_UPDATE on a stream that was not opened')
    if (!state.floods.windowUpdates.take(state.nowMs))
      return this.#breach('windowUpdatesBurst', 'too many WINDOW_UPDATEs for what was sent')
    const increment = uint31At(bytes, from)
    const stream = state.streams.get(streamId)
    if (streamId === 0) {
      if (increment === 0) return this.#fail(PROTOCOL_ERROR, 'WINDOW_UPDATE of 0')
      if (!this.#sending.grow(undefined, increment)) return this.#fail(FLOW_CONTROL_ERROR, 'the window is too large')
    } else if (stream === undefined) {
      return true // It was under way when the stream ended.
    } else if (increment === 0) {
      return state.streamFault(streamId, PROTOCOL_ERROR, 'WINDOW_UPDATE of 0')
    } else if (!this.#sending.grow(stream, increment)) {
      return state.streamFault(streamId, FLOW_CONTROL_ERROR, 'the window is too large')
    }
    this.#sending.pump()
    return !state.ended
  }

  /** Priorities were taken back (RFC 9113, 5.3.2); only what cannot be one is refused. */
  priority(streamId: number, bytes: Buffer, from: number, to: number): boolean {
    if (streamId === 0) return this.#fail(PROTOCOL_ERROR, 'PRIORITY on stream 0')
    if (!this.ignored()) return false
    if (to - from !== 5) return this.#priorityFault(streamId, FRAME_SIZE_ERROR, 'PRIORITY of other than five bytes')
    if (uint31At(bytes, from) !== streamId) return true
    return this.#priorityFault(streamId, PROTOCOL_ERROR, 'a stream that depends on itself')
  }

  /** RST_STREAM may not be sent on a stream that nobody opened, and need not on one that is over. */
  #priorityFault(streamId: number, code: number, reason: string): boolean {
    if (this.#state.streams.has(streamId)) return this.#state.streamFault(streamId, code, reason)
    return this.#fail(code, reason)
  }

  // ---- PING and GOAWAY

  /** @param onPong told of an answer to a PING of ours, with the first four bytes of its payload */
  ping(
    flags: number,
    streamId: number,
    bytes: Buffer,
    from: number,
    to: number,
    onPong: (payload: number) => void,
  ): boolean {
    const state = this.#state
    if (streamId !== 0) return this.#fail(PROTOCOL_ERROR, 'PING on a stream')
    if (to - from !== 8) return this.#fail(FRAME_SIZE_ERROR, 'PING of other than eight bytes')
    if ((flags & ACK) !== 0) {
      if (!this.ignored()) return false
      onPong(bytes.readUInt32BE(from))
      return !state.ended
    }
    state.stats.pingsReceived++
    if (!state.floods.pings.take(state.nowMs)) return this.#breach('pingsBurst', 'too many PINGs')
    writePing(state.output, true, bytes, from)
    state.replied()
    return !state.ended
  }

  goAway(streamId: number, bytes: Buffer, from: number, to: number): boolean {
    const state = this.#state
    if (streamId !== 0) return this.#fail(PROTOCOL_ERROR, 'GOAWAY on a stream')
    if (to - from < 8) return this.#fail(FRAME_SIZE_ERROR, 'GOAWAY of less than eight bytes')
    if (!this.ignored()) return false
    const lastId = uint31At(bytes, from)
    const code = bytes.readUInt32BE(from + 4)
    state.stats.goAwaysReceived++
    state.opensNoMore = true
    const reason = 'the peer takes no more requests on this connection'
    state.owner.onGoAway(code, reason)
    for (const stream of state.streams.all()) {
      if (state.isPeers(stream.id) || stream.id <= lastId) continue
      state.closed.resetByUs.add(stream.id)
      state.forget(stream)
      state.tellBroken(stream, { code, by: 'connection', unprocessed: true, reason })
    }
    if (state.role === 'client') state.checkDrained()
    return !state.ended
  }

  // ---- the rest

  /** Something allowed that means nothing. */
  ignored(): boolean {
    const state = this.#state
    if (state.floods.ignoredFrames.take(state.nowMs)) return true
    return this.#breach('ignoredFramesBurst', 'too many frames that mean nothing')
  }

  #breach(limit: Parameters<ConnectionState['breach']>[0], reason: string): false {
    this.#state.breach(limit, reason)
    return false
  }

  #fail(code: number, reason: string): false {
    this.#state.fail(code, reason)
    return false
  }
}
