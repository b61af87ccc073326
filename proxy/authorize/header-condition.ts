// Hot path: run for requests that a rule with headers may fit.
import type { TextMatch } from '../../protocol/text-match.ts'
import type { Fields } from '../exchange.ts'
import { compileText } from '../match.ts'

/**
 * Whether a header is as a rule says. A header may come several times, and applications differ in which one they take, or take all of them
 * as one list: a rule that lets in wants every line to fit; a rule that turns away fits as soon as one line, or one item of a line's list,
 * does. So nobody gets past a rule by repeating a header.
 */
export function compileHeader(name: string, text: TextMatch, action: 'allow' | 'deny'): (fields: Fields) => boolean {
  const matches = compileText(text)
  return action === 'allow' ? fields => everyLine(fields, name, matches) : fields => someLine(fields, name, matches)
}

type Matches = (value: string | undefined) => boolean

function everyLine(fields: Fields, name: string, matches: Matches): boolean {
  let found = false
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== name) continue
    found = true
    if (!matches(fields[i + 1])) return false
  }
  return found || matches(undefined)
}

function someLine(fields: Fields, name: string, matches: Matches): boolean {
  let found = false
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== name) continue
    found = true
    const value = fields[i + 1]!
    if (matches(value) || (value.includes(',') && value.split(',').some(item => matches(item.trim())))) return true
  }
  return !found && matches(undefined)
}
