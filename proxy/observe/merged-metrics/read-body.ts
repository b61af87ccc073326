import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { type Failure, failure } from './source.ts'

/** Reads an answer's body to its end, undoing gzip; refuses one beyond the limit without holding more of it than that. */
export async function readBody(
  body: Readable,
  contentEncoding: string | undefined,
  bytesMax: number,
): Promise<{ status: 'ok'; bytes: Buffer } | Failure> {
  const encoding = (contentEncoding ?? 'identity').trim().toLowerCase()
  const gzip = encoding === 'gzip' || encoding === 'x-gzip'
  if (!gzip && encoding !== 'identity' && encoding !== '') {
    body.on('error', () => {}).destroy()
    return failure('not_metrics', `the answer is encoded as ${encoding.slice(0, 32)}, which was not asked for`)
  }
  // The callback has nothing to do: an error of either stream also ends the reading below.
  const plain: Readable = gzip ? pipeline(body, createGunzip(), () => {}) : body
  const chunks: Buffer[] = []
  let sizeBytes = 0
  try {
    for await (const chunk of plain) {
      sizeBytes += chunk.length
      if (sizeBytes > bytesMax) return tooLarge(bytesMax)
      chunks.push(chunk)
    }
  } catch (error) {
    return brokenOff(error as Error & { code?: unknown }, bytesMax)
  }
  return { status: 'ok', bytes: Buffer.concat(chunks, sizeBytes) }
}

function brokenOff(error: Error & { code?: unknown }, bytesMax: number): Failure {
  // An abort is a DOMException, whose code is a number.
  const code = String(error.code ?? '')
  const { message } = error
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return tooLarge(bytesMax)
  if (code.startsWith('Z_') && code !== 'Z_BUF_ERROR') {
    return failure('not_metrics', `the answer says that it is gzip, and is not: ${message}`)
  }
  return failure('truncated', `the answer broke off: ${message}`)
}

function tooLarge(bytesMax: number): Failure {
  return failure('too_large', `the answer is larger than ${bytesMax} bytes`)
}
