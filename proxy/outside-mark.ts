// Hot path: once per request at a gateway, and once where it arrives.
import type { Fields } from './exchange.ts'

/**
 * A gateway marks what it sends into the mesh: whoever reads the answer is not of the mesh, so the next proxy says nothing of the mesh in
 * the answers that it makes itself. The mark ends there; whoever sets it himself only learns less.
 */
const MARK = 'x-trimtab-outside'

export function markOutside(fields: Fields): void {
  fields.push(MARK, '1')
}

/** Takes the mark off; true when it was there. */
export function takeOutsideMark(fields: Fields): boolean {
  let taken = false
  for (let i = fields.length - 2; i >= 0; i -= 2) {
    if (fields[i] !== MARK) continue
    fields.splice(i, 2)
    taken = true
  }
  return taken
}
