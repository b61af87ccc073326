import { baseName, type Family, seriesName, suffixesOf } from '../../../protocol/prometheus/family.ts'

/**
 * The families that `name[]` parameters ask for: by the family's name in either format, or by any of its series'. A family is kept
 * whole, for half a histogram is of no use. Without names everything is kept.
 */
export function filterByName(families: Family[], names: readonly string[]): Family[] {
  if (names.length === 0) return families
  const wanted = new Set(names)
  return families.filter(
    family =>
      wanted.has(family.name) ||
      wanted.has(baseName(family)) ||
      suffixesOf(family.type).some(suffix => wanted.has(seriesName(family, suffix))),
  )
}
