/** A place in the log: between two records of a segment. Segments are numbered from 1, upward, for ever. */
export interface Position {
  segment: number
  offset: number
}

export function isBefore(a: Position, b: Position): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset)
}

export function samePosition(a: Position, b: Position): boolean {
  return a.segment === b.segment && a.offset === b.offset
}

export function formatPosition({ segment, offset }: Position): string {
  return `${segment}:${offset}`
}
