import { parseDuration, parseShare } from './units.ts'

/** Values of a checked file with every default filled in. Whatever is missing here is a hole in the schema's defaults: a bug, so it throws. */

export function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the mesh schema gives no default where one is needed')
  return value
}

export function milliseconds(text: string | undefined): number {
  return known(parseDuration(known(text)))
}

/** 0..1 */
export function shareOf(text: string | undefined): number {
  return known(parseShare(known(text)))
}
