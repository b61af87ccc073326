import { createRequire } from 'node:module'
import type { Static } from 'typebox'
import type { Check } from './line-reader.ts'
import { holds } from './word-checks.generated.ts'
import type { words } from './words.ts'

type Words = { [Name in keyof typeof words]: Static<(typeof words)[Name]> }

/** The schemas, and the library that reads them: loaded when something was refused, and then kept. */
const schemas = (): typeof import('./words.ts') => createRequire(import.meta.url)('./words.ts')

function checkOf<Name extends keyof Words>(name: Name): Check<Words[Name]> {
  return {
    holds: (value): value is Words[Name] => holds[name](value),
    problem: value => schemas().problemOf(name, value),
  }
}

/** What a proxy reads, checked. */
export const checks: { readonly [Name in keyof Words]: Check<Words[Name]> } = {
  hello: checkOf('hello'),
  snapshotLine: checkOf('snapshotLine'),
  listener: checkOf('listener'),
  telemetry: checkOf('telemetry'),
  identity: checkOf('identity'),
  intentions: checkOf('intentions'),
  upstream: checkOf('upstream'),
  trustedRoots: checkOf('trustedRoots'),
  issuedCertificate: checkOf('issuedCertificate'),
  kept: checkOf('kept'),
}
