/**
 * Which regular expressions a mesh file may carry. A proxy runs them on what strangers send, so what can take exponential time is
 * refused when the file is read, not found out under load: no look-around and no back-references (so a linear-time engine can run
 * the rest), no repeat around a group that itself repeats or chooses, few unbounded repeats, counted repeats bounded.
 */

export const regexLengthMax = 200
const unboundedRepeatsMax = 4
const countedRepeatMax = 100

export const regexWords =
  `a JavaScript regular expression of at most ${regexLengthMax} characters that fits the whole value (.* where anything may follow), ` +
  'without look-around, back-references or a repeated group that itself repeats or chooses'

/** Why `source` is refused, or undefined when a proxy may run it (as `new RegExp('^(?:' + source + ')$')`, no flags). */
export function refuseRegex(source: string): string | undefined {
  if (source.length === 0) return 'it is empty and would match everything'
  if (source.length > regexLengthMax) return `it has ${source.length} characters, ${regexLengthMax} are allowed`
  try {
    new RegExp(source)
  } catch (error) {
    return (error as Error).message.replace(/^Invalid regular expression: /, 'it does not compile: ')
  }
  return refuseCost(source)
}

/** Whether `source` says where it starts and not how it ends: written as if more might follow, which a whole match does not allow. */
export function looksUnfinished(source: string): boolean {
  return source.startsWith('^') && !/(?:\$|\.[*+]\??)$/.test(source)
}

type Group = { repeats: boolean; chooses: boolean }
type Repeat = { length: number; unbounded: boolean; max: number }

/** Walks a source that compiles, once, keeping for each open group whether it repeats or chooses. */
function refuseCost(source: string): string | undefined {
  const open: Group[] = [{ repeats: false, chooses: false }]
  let closed: Group | undefined
  let unbounded = 0
  for (let at = 0; at < source.length; ) {
    // The ? of (?: reads as a repeat of at most one, which changes nothing.
    const repeat = repeatAt(source, at)
    if (repeat !== undefined) {
      if (repeat.max > 1 && closed !== undefined && (closed.repeats || closed.chooses))
        return 'a repeated group itself repeats or chooses, which can take exponential time'
      if (repeat.unbounded && ++unbounded > unboundedRepeatsMax)
        return `it has more than ${unboundedRepeatsMax} of *, + and {n,}`
      if (!repeat.unbounded && repeat.max > countedRepeatMax) return `it repeats more than ${countedRepeatMax} times`
      if (repeat.max > 1) for (const group of open) group.repeats = true
      closed = undefined
      at += repeat.length
      continue
    }
    const refusal = refuseReference(source, at)
    if (refusal !== undefined) return refusal
    closed = undefined
    const sign = source[at]
    if (sign === '(') open.push({ repeats: false, chooses: false })
    else if (sign === ')') closed = open.pop()
    else if (sign === '|') for (const group of open) group.chooses = true
    at = atomEnd(source, at)
  }
  return undefined
}

function refuseReference(source: string, at: number): string | undefined {
  if (/^\(\?<?[=!]/.test(source.slice(at, at + 4))) return 'it looks around: (?= (?! (?<= (?<! are not allowed'
  if (/^\(\?[a-z-]*[a-z]/.test(source.slice(at, at + 8)))
    return 'it sets flags inside: (?i: and the like are not allowed'
  if (/^\\(?:[1-9]|k)/.test(source.slice(at, at + 2))) return 'it refers back to a group: \\1 and \\k are not allowed'
  return undefined
}

/** Where the next atom starts: past an escape, a whole class, or one character. */
function atomEnd(source: string, at: number): number {
  if (source[at] === '\\') return at + 2
  if (source[at] !== '[') return at + 1
  let end = at + 1
  while (end < source.length && source[end] !== ']') end += source[end] === '\\' ? 2 : 1
  return end + 1
}

function repeatAt(source: string, at: number): Repeat | undefined {
  const found = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/.exec(source.slice(at, at + 24))
  if (found === null) return undefined
  const length = found[0].length
  if (found[0][0] === '?') return { length, unbounded: false, max: 1 }
  if (found[1] === undefined || (found[2] === ',' && found[3] === ''))
    return { length, unbounded: true, max: Number.POSITIVE_INFINITY }
  return { length, unbounded: false, max: Number(found[2] === ',' ? found[3] : found[1]) }
}
