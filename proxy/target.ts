import { parseAddress } from '../runtime/address.ts'
import { type Reader, SettingError } from '../runtime/settings.ts'

/** Where a proxy that stands alone sends every request, and what it speaks there. */
export interface Target {
  address: string
  protocol: 'http' | 'http2' | 'tcp'
  /** By TLS, which agrees on HTTP/2 or HTTP/1.1. */
  tls: boolean
}

/**
 * `127.0.0.1:8081`, or host and perhaps port behind http:// (HTTP/1.1), h2c:// (HTTP/2 without TLS) or https:// (what TLS agrees on);
 * host and port behind tcp:// (bytes as they are).
 */
export const target: Reader<Target> = given => {
  const match = /^(?:(http|h2c|https|tcp):\/\/)?([^/]+:\d{1,5}|[^/:]+)\/?$/.exec(given)
  const [, scheme, place] = match ?? []
  const needsPort = scheme === undefined || scheme === 'tcp'
  if (place === undefined || (needsPort && !place.includes(':')))
    throw new SettingError(
      scheme === 'tcp'
        ? 'tcp://host:port: TCP has no port of its own'
        : 'host:port, or http://, h2c://, https:// or tcp:// before it',
    )
  const tls = scheme === 'https'
  const address = place.includes(':') ? place : `${place}:${tls ? 443 : 80}`
  if (parseAddress(address) === undefined) throw new SettingError('host:port, the port up to 65535')
  if (scheme === 'tcp') return { address, protocol: 'tcp', tls }
  return { address, protocol: tls || scheme === 'h2c' ? 'http2' : 'http', tls }
}
