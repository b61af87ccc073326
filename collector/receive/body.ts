// Hot path: every request's body passes here.

import type { IncomingMessage } from 'node:http'
import type { Transform } from 'node:stream'
import { createGunzip, createInflate } from 'node:zlib'
import type { Clock } from '../../runtime/clock.ts'
import type { MemoryBudget } from './budget.ts'

/** A body must be complete by then; a sender that trickles holds memory that others need. */
const BODY_MS_MAX = 30_000

export interface BodyRefusal {
  status: 'refused'
  code: 400 | 408 | 413 | 415 | 429
  reason: string
}

export type BodyRead =
  /** `release` gives the body's bytes back to the budget: to be called once, when the body's content is held no more. */
  { status: 'ok'; body: Buffer; release: () => void } | BodyRefusal

/**
 * Reads a request's body, decompressed, within bounds: `bytesMax` holds for what comes out of a decompressor, chunk by chunk, so that
 * a small body that would grow to gigabytes is cut at the limit. Never throws. A refused body may be read in part only.
 */
export function readBody(
  request: IncomingMessage,
  { bytesMax, budget, clock }: { bytesMax: number; budget: MemoryBudget; clock: Clock },
): Promise<BodyRead> {
  const coding = decoderOf(request.headers['content-encoding'])
  if (coding.status === 'refused') return Promise.resolve(coding)
  if (Number(request.headers['content-length']) > bytesMax) return Promise.resolve(tooLarge(bytesMax))
  const { decoder } = coding
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    let heldBytes = 0
    let ended = false
    const end = (read: BodyRead) => {
      if (ended) return
      ended = true
      cancel()
      if (read.status === 'refused') {
        budget.give(heldBytes)
        if (decoder) request.unpipe(decoder)
        decoder?.destroy()
        request.pause()
      }
      resolve(read)
    }
    const cancel = clock.after(BODY_MS_MAX, () =>
      end(refused(408, `the body was not complete after ${BODY_MS_MAX} ms`)),
    )
    const source = decoder ? request.pipe(decoder) : request
    source.on('data', (chunk: Buffer) => {
      if (ended) return
      if (heldBytes + chunk.length > bytesMax) end(tooLarge(bytesMax))
      else if (!budget.take(chunk.length)) end(refused(429, 'the memory for bodies is used up: send again shortly'))
      else {
        heldBytes += chunk.length
        chunks.push(chunk)
      }
    })
    source.on('end', () => {
      const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
      end({ status: 'ok', body, release: () => budget.give(heldBytes) })
    })
    decoder?.on('error', error => end(refused(400, `the body cannot be decompressed: ${error.message}`)))
    request.on('error', error => end(refused(400, `the body broke off: ${error.message}`)))
    request.on('close', () => {
      if (!request.complete) end(refused(400, 'the connection broke before the end of the body'))
    })
  })
}

function decoderOf(coding: string | undefined): { status: 'ok'; decoder: Transform | undefined } | BodyRefusal {
  switch (coding?.trim().toLowerCase()) {
    case undefined:
    case '':
    case 'identity':
      return { status: 'ok', decoder: undefined }
    case 'gzip':
    case 'x-gzip':
      return { status: 'ok', decoder: createGunzip() }
    case 'deflate':
      return { status: 'ok', decoder: createInflate() }
    default:
      return refused(
        415,
        `content-encoding ${JSON.stringify(coding)} is not read here, allowed: gzip, deflate, identity`,
      )
  }
}

function refused(code: BodyRefusal['code'], reason: string): BodyRefusal {
  return { status: 'refused', code, reason }
}

function tooLarge(bytesMax: number): BodyRefusal {
  return refused(413, `the body is larger than ${bytesMax} bytes: send smaller batches, or raise --body-max`)
}
