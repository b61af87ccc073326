import { refuseRegex, regexLengthMax, regexWords } from './regex.ts'
import {
  addressWords,
  durationPattern,
  durationWords,
  parseAddress,
  parseDuration,
  parseShare,
  sharePattern,
  shareWords,
} from './units.ts'

/** One kind of text in mesh.yaml: what it is called in an error, what it looks like, and why a text of that look may still be refused. */
export type Kind = {
  words: string
  lengthMax: number
  pattern?: string
  /** Why the text is refused, continuing "..., but "; undefined when it is fine. Called only with a text that fits the pattern. */
  refuse?: (text: string) => string | undefined
  /** For texts that are quantities: what bounds are compared in. */
  measure?: (text: string) => number | undefined
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"

function refusePath(text: string): string | undefined {
  if (/\/\//.test(text)) return 'it can never match: double slashes are merged before matching'
  if (/\/\.\.?(\/|$)/.test(text)) return 'it can never match: dot segments are resolved before matching'
  if (/%(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a]|3[0-9]|2[de]|5f|7e)/i.test(text))
    return 'it can never match: what needs no escape is unescaped before matching'
  if (/%(?:[0-9A-F][a-f]|[a-f][0-9A-Fa-f])/.test(text))
    return 'it can never match: escapes are written in capitals before matching, as %2F'
  return undefined
}

function refuseUrl(text: string): string | undefined {
  return /^https?:\/\/./.test(text) && URL.canParse(text) ? undefined : 'it is no http:// or https:// URL'
}

function refuseEndpoint(text: string): string | undefined {
  const address = parseAddress(text)
  if (address === undefined) return 'it is no host:port'
  return address.port === 0 ? 'port 0 cannot be called' : undefined
}

export const kinds = {
  duration: {
    words: durationWords,
    lengthMax: 20,
    pattern: durationPattern,
    refuse: text =>
      parseDuration(text) === undefined ? 'it is no whole number of milliseconds up to 366d' : undefined,
    measure: parseDuration,
  },
  share: {
    words: shareWords,
    lengthMax: 12,
    pattern: sharePattern,
    refuse: text => (parseShare(text) === undefined ? 'it is more than 100%' : undefined),
    measure: parseShare,
  },
  listen: {
    words: `${addressWords}; 0.0.0.0:8080 for every interface`,
    lengthMax: 300,
    refuse: text => (parseAddress(text) === undefined ? 'it is no host:port' : undefined),
  },
  endpoint: { words: addressWords, lengthMax: 300, refuse: refuseEndpoint },
  url: { words: 'a URL such as http://jaeger:9411/api/v2/spans', lengthMax: 2000, refuse: refuseUrl },
  regex: { words: regexWords, lengthMax: regexLengthMax, refuse: refuseRegex },
  path: {
    words: 'a path such as /api/report, without query, blanks or double slashes',
    lengthMax: 1024,
    pattern: '^/[^?#\\s\\x00-\\x1f\\x7f]*$',
    refuse: refusePath,
  },
  host: {
    words: 'a host name such as shop.example, or *.shop.example for every name below it',
    lengthMax: 253,
    pattern: '^(\\*\\.)?[a-z0-9_-]+(\\.[a-z0-9_-]+)*$',
  },
  method: { words: 'a method in capitals, such as GET', lengthMax: 32, pattern: '^[A-Z][A-Z-]*$' },
  fieldName: { words: 'a header name such as x-debug', lengthMax: 100, pattern: `^${token}$` },
  cookieName: { words: 'a cookie name such as session', lengthMax: 100, pattern: `^${token}$` },
  label: {
    words: 'a name of a-z, 0-9 and -, starting and ending with a letter or digit, at most 63 characters',
    lengthMax: 63,
    pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$',
  },
  domain: {
    words: 'a domain such as expense-report.mesh, in lower case',
    lengthMax: 253,
    pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$',
  },
  version: {
    words: 'a version name such as v2 or 1.4.0, of letters, digits, . _ and -, at most 63 characters',
    lengthMax: 63,
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  },
  routeName: {
    words: 'a route name such as debug, of letters, digits, . _ and -, at most 100 characters',
    lengthMax: 100,
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  },
  ruleName: {
    words: 'a rule name such as readers, of letters, digits, . _ and -, at most 100 characters',
    lengthMax: 100,
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  },
  source: {
    words:
      'a service, a gateway, `gateway` for any gateway, "*" for everybody, or a SPIFFE id such as spiffe://partner.mesh/ns/*',
    lengthMax: 2048,
    pattern: '^(\\*|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|spiffe://[a-z0-9._-]{1,255}(/[A-Za-z0-9._-]+)*(/\\*)?)$',
  },
  destination: {
    words: 'a service, or "*" for every service',
    lengthMax: 63,
    pattern: '^(\\*|[a-z0-9]([a-z0-9-]*[a-z0-9])?)$',
  },
  text: {
    words: 'a text of 1 to 1024 characters without control characters',
    lengthMax: 1024,
    pattern: '^[^\\x00-\\x1f\\x7f]+$',
  },
  gatewayFile: {
    words: 'a file name on the gateway’s machine, relative to its --certificates directory',
    lengthMax: 1024,
    pattern: '^[^\\x00]+$',
  },
  file: { words: 'a file name, relative to this file', lengthMax: 1024, pattern: '^[^\\x00]+$' },
} satisfies Record<string, Kind>

export type KindName = keyof typeof kinds

export function kindOf(name: KindName): Kind {
  return kinds[name]
}

/** The JSON Schema side of a kind. */
export function stringOf(kind: KindName): { pattern?: string; maxLength: number; minLength: number } {
  const { pattern, lengthMax } = kindOf(kind)
  return { ...(pattern === undefined ? {} : { pattern }), minLength: 1, maxLength: lengthMax }
}
