import { type Reader, SettingError } from '../runtime/settings.ts'
import { type Http2LimitName, limitsByName } from './http2/limit-names.ts'
import type { Http2Limits } from './http2/limits.ts'
import type { Http2UpstreamSettings } from './send/http2-settings.ts'

const VALUE_MAX = 2 ** 31 - 1
/** Every connection begins with such a window, whatever is set (RFC 9113, 6.9.2). */
const CONNECTION_WINDOW_MIN = 65_535

export interface Http2LimitSetting {
  limit: Http2LimitName
  value: number
}

/** `resets_burst=200`: a limit by the name that its counter has, in bytes, milliseconds or pieces, as that name says. */
export const http2Limit: Reader<Http2LimitSetting> = given => {
  const [name = '', text = ''] = given.split('=', 2)
  const limit = limitsByName.get(name)
  if (limit === undefined) throw new SettingError(`name=number, of the names ${[...limitsByName.keys()].join(' ')}`)
  const least = limit === 'connectionWindowBytes' ? CONNECTION_WINDOW_MIN : 1
  const value = Number(text)
  if (!/^\d{1,10}$/.test(text) || value < least || value > VALUE_MAX)
    throw new SettingError(`${name}= and a whole number from ${least} to ${VALUE_MAX}`)
  return { limit, value }
}

/** Of a limit that is named twice the last value holds. */
export function http2LimitsFrom(given: readonly Http2LimitSetting[]): Partial<Http2Limits> {
  return Object.fromEntries(given.map(({ limit, value }) => [limit, value]))
}

/** How the sender keeps its connections of HTTP/2. */
export function http2UpstreamSettings(settings: {
  http2UpstreamConnections: number
  http2UpstreamPing: number
  http2UpstreamLimit: readonly Http2LimitSetting[]
}): Partial<Http2UpstreamSettings> {
  return {
    connectionsPerEndpointMax: settings.http2UpstreamConnections,
    pingAfterMs: settings.http2UpstreamPing,
    limits: http2LimitsFrom(settings.http2UpstreamLimit),
  }
}
