import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from './limits.ts'

export type Http2LimitName = keyof Http2Limits

/** A limit's name outside the code, in settings and metrics: resetsBurst is `resets_burst`. */
export function limitNameOutside(name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}

/** The limits by their names outside. */
export const limitsByName: ReadonlyMap<string, Http2LimitName> = new Map(
  (Object.keys(DEFAULT_HTTP2_LIMITS) as Http2LimitName[]).map(name => [limitNameOutside(name), name]),
)
