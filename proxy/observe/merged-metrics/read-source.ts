import { detectFormat, looksLikeHtml } from '../../../protocol/prometheus/format.ts'
import type { ExpositionLimits } from '../../../protocol/prometheus/limits.ts'
import { type ParseResult, parseSteps } from '../../../protocol/prometheus/parse.ts'
import type { Slices } from './slices.ts'
import { type Exposition, type Failure, type FailureReason, failure, type ReadExposition } from './source.ts'

/** Reads a body as metrics, in slices. What is none is never merged in. */
export async function readExposition(
  { body, contentType, framed }: Exposition,
  limits: ExpositionLimits,
  slices: Slices,
): Promise<ReadExposition | Failure> {
  if (looksLikeHtml(body)) {
    return failure('not_metrics', 'answered with a web page: is the path right, is a login in the way?')
  }
  const format = detectFormat(contentType, body)
  const parsed = await slices.run(parseSteps(body, { format, limits, framed }))
  if (parsed.status === 'invalid') return unreadable(parsed)
  return { ...parsed, format }
}

const reasonOf: Readonly<Record<(ParseResult & { status: 'invalid' })['cause'], FailureReason>> = {
  malformed: 'not_metrics',
  truncated: 'truncated',
  limit: 'too_large',
}

function unreadable({ cause, line, reason }: ParseResult & { status: 'invalid' }): Failure {
  // A fault quotes the body, and a part of a string keeps the whole of it in memory for as long as the fault is remembered.
  return failure(reasonOf[cause], Buffer.from(`line ${line}: ${reason}`).toString())
}
