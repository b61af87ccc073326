/**
 * The units of mesh.yaml: durations, shares, sizes, addresses. Each has a pattern (for the JSON Schema), a parser that gives
 * undefined for anything else, a formatter whose text the parser reads back to the same value, and words for error texts.
 */

const durationUnits = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const
const sizeUnits = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['B', 1],
] as const

export const durationPattern = '^[0-9]{1,12}(\\.[0-9]{1,3})?(ms|s|m|h|d)$'
export const sharePattern = '^[0-9]{1,3}(\\.[0-9]{1,6})?%$'
export const sizePattern = '^[0-9]{1,12}(B|KiB|MiB|GiB)$'

export const durationWords = 'a duration such as 250ms, 10s, 5m, 1h or 30d'
export const shareWords = 'a share such as 99.9%'
export const addressWords = 'an address such as 127.0.0.1:8080, rates.example:443 or [::1]:8080'

/** Milliseconds, a whole number; at most 366 days. `1.5s` is fine, `0.1ms` is not. */
export function parseDuration(text: string): number | undefined {
  const found = /^([0-9]{1,12}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)$/.exec(text)
  if (found === null) return undefined
  const unit = durationUnits.find(([name]) => name === found[2])
  const milliseconds = Math.round(Number(found[1]) * (unit?.[1] ?? Number.NaN) * 1000) / 1000
  return Number.isInteger(milliseconds) && milliseconds <= 366 * 86_400_000 ? milliseconds : undefined
}

/** The shortest whole number with its unit: 90000 is `90s`, 0 is `0s`. Takes whole milliseconds. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s'
  const [name, factor] = durationUnits.find(([, size]) => milliseconds % size === 0) ?? ['ms', 1]
  return `${milliseconds / factor}${name}`
}

/** 0..1 from a percent text; a bare number is no share, since 0.5 may mean half or half a percent. At most six decimals. */
export function parseShare(text: string): number | undefined {
  if (!/^[0-9]{1,3}(\.[0-9]{1,6})?%$/.test(text)) return undefined
  const millionths = Math.round(Number(text.slice(0, -1)) * 1e6)
  return millionths <= 100e6 ? millionths / 100e6 : undefined
}

/** 0.999 is `99.9%`. Takes 0..1; rounds to six decimals of a percent. */
export function formatShare(share: number): string {
  const millionths = Math.round(share * 100e6)
  const decimals = String(millionths % 1e6)
    .padStart(6, '0')
    .replace(/0+$/, '')
  return `${Math.floor(millionths / 1e6)}${decimals === '' ? '' : `.${decimals}`}%`
}

/** Bytes, at most 1024 GiB. */
export function parseSize(text: string): number | undefined {
  const found = /^([0-9]{1,12})(B|KiB|MiB|GiB)$/.exec(text)
  if (found === null) return undefined
  const unit = sizeUnits.find(([name]) => name === found[2])
  const bytes = Number(found[1]) * (unit?.[1] ?? Number.NaN)
  return bytes <= 1024 ** 4 ? bytes : undefined
}

/** 65536 is `64KiB`. Takes whole bytes. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return '0B'
  const [name, factor] = sizeUnits.find(([, size]) => bytes % size === 0) ?? ['B', 1]
  return `${bytes / factor}${name}`
}

export type Address = { host: string; port: number }

const hostName = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i
const ipv4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])$/

/** host:port; IPv6 in brackets. Port 0..65535. What looks like an IPv4 address must be one. */
export function parseAddress(text: string): Address | undefined {
  const found = /^(?:\[([^\]]{1,60})\]|([^:[\]]{1,253})):([0-9]{1,5})$/.exec(text)
  const port = Number(found?.[3])
  if (found === null || port > 65_535) return undefined
  if (found[1] !== undefined)
    return URL.canParse(`http://[${found[1]}]/`) ? { host: found[1].toLowerCase(), port } : undefined
  const host = found[2] ?? ''
  const numeric = /^[0-9.]+$/.test(host)
  return (numeric ? ipv4 : hostName).test(host) ? { host: host.toLowerCase(), port } : undefined
}

export function formatAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
