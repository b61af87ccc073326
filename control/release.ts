import { readFileSync } from 'node:fs'

/** The release that this program belongs to. */
export const release: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version
