import { FieldSection } from './field-section.ts'
import { HeadReader, type LineParser } from './head-reader.ts'
import type { InvalidMessage, Side } from './invalid.ts'
import { DEFAULT_HEAD_LIMITS, type HeadLimits } from './limits.ts'
import type { Lines } from './lines.ts'

/**
 * Fields that mean something for framing, routing, authentication, or the handling of the content, and so come too late
 * behind it (RFC 9110, 6.5.1). Passed on, they could change a decision that was taken on the head.
 */
const FORBIDDEN = new Set(
  (
    'age authorization cache-control connection content-encoding content-length content-range content-type cookie date ' +
    'expect expires forwarded host if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive ' +
    'location max-forwards pragma proxy-authenticate proxy-authorization proxy-authentication-info proxy-connection ' +
    'range retry-after set-cookie te trailer transfer-encoding upgrade vary via warning www-authenticate x-real-ip'
  ).split(' '),
)

/** Whether a field with this lower-case name may stand in trailers. What proxies say of a request they say in its head. */
export function isAllowedInTrailers(name: string): boolean {
  return !FORBIDDEN.has(name) && !name.startsWith('x-forwarded-') && !name.startsWith('x-trimtab-')
}

/** A reader of one trailer section, its last empty line included. The result leaves out the fields that are forbidden. */
export function trailerReader(side: Side, limits: HeadLimits = DEFAULT_HEAD_LIMITS): HeadReader<string[]> {
  return new HeadReader(new TrailerParser(side, limits))
}

class TrailerParser implements LineParser<string[]> {
  readonly side: Side
  readonly #section: FieldSection

  constructor(side: Side, limits: HeadLimits) {
    this.side = side
    this.#section = new FieldSection(side, limits, false)
  }

  get started(): boolean {
    return this.#section.bytesTaken > 0
  }

  reset(): void {
    this.#section.reset()
  }

  lineBytesMax(): number {
    return this.#section.lineBytesMax()
  }

  lineTooLong(): InvalidMessage {
    return this.#section.lineTooLong()
  }

  line(lines: Lines): string[] | InvalidMessage | null {
    const section = this.#section
    section.line(lines)
    if (section.fault !== null) return section.fault
    return section.ended ? allowedOf(section.fields) : null
  }
}

function allowedOf(fields: readonly string[]): string[] {
  const allowed: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (isAllowedInTrailers(name)) allowed.push(name, fields[i + 1]!)
  }
  return allowed
}
