import type { Fields } from '../../exchange.ts'

/** Cookies of a request, the first of each name (RFC 6265, 4.2). */
export function cookiesOf(fields: Fields): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>()
  for (const [name, value] of pairsOf(fields)) if (!cookies.has(name)) cookies.set(name, value)
  return cookies
}

/** The fields without the cookies that begin with `prefix`: what is the gateway's own is nobody's business further in. */
export function withoutCookies(fields: Fields, prefix: string): Fields {
  const pairs = pairsOf(fields)
  if (!pairs.some(([name]) => name.startsWith(prefix))) return fields
  const kept = pairs.filter(([name]) => !name.startsWith(prefix)).map(([name, value]) => `${name}=${value}`)
  const others = fields.flatMap((name, i) => (i % 2 === 0 && name !== 'cookie' ? [name, fields[i + 1]!] : []))
  return kept.length === 0 ? others : [...others, 'cookie', kept.join('; ')]
}

function pairsOf(fields: Fields): [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'cookie') continue
    for (const pair of fields[i + 1]!.split(';')) {
      const at = pair.indexOf('=')
      if (at > 0) pairs.push([pair.slice(0, at).trim(), pair.slice(at + 1).trim()])
    }
  }
  return pairs
}

/**
 * A cookie for the gateway's own host, out of reach of scripts, sent along when a link leads here from elsewhere but not with what another
 * site posts (RFC 6265bis, SameSite=Lax). `maxAgeS` 0 takes it away.
 */
export function setCookie(name: string, value: string, maxAgeS: number, secure: boolean): string {
  return `${name}=${value}; Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
}
