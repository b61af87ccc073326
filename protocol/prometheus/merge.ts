import { type Family, type FamilyType, type Sample, seriesName, suffixesOf } from './family.ts'
import { foldCreated } from './fold-created.ts'
import { MergedFamily } from './merged-family.ts'
import { ToldApart } from './told-apart.ts'

/** What becomes of a family whose name another source's family holds with another type: left out, or renamed `<source>_<name>`. */
export type ConflictPolicy = 'drop' | 'prefix'

export interface Conflict {
  family: string
  type: FamilyType
  /** The family that stands in the way, and whose it is. They may be one name with two types, or two names with one series. */
  heldBy: { source: string; family: string; type: FamilyType }
  /** The name under which it is told nonetheless; undefined when it was left out. */
  renamedTo: string | undefined
}

/** What a source brought in. */
export interface Contribution {
  conflicts: Conflict[]
  /** Samples left out because the same source had said the same series before. */
  duplicates: number
}

export interface MergeOptions {
  conflicts: ConflictPolicy
  /** Kept by the caller from merge to merge; without it labels may come and go with the sources. */
  toldApart?: ToldApart
}

/**
 * Regroups the families of several sources: one family each name, its samples together, told apart by a `source` label only where two
 * metrics would be identical. Who comes first keeps the name. Pure but for `toldApart`.
 *
 * What comes out can be encoded in either format: names are unique and no series belongs to two families.
 */
export class Merge {
  readonly #policy: ConflictPolicy
  readonly #toldApart: ToldApart
  readonly #byName = new Map<string, MergedFamily>()
  /** Series names to the family that holds them. */
  readonly #claims = new Map<string, MergedFamily>()

  constructor({ conflicts, toldApart = new ToldApart() }: MergeOptions) {
    this.#policy = conflicts
    this.#toldApart = toldApart
  }

  /** Adds what one source said, in steps of well under a millisecond. Source names must be unique. */
  *add(source: string, families: readonly Family[]): Generator<undefined, Contribution> {
    const contribution: Contribution = { conflicts: [], duplicates: 0 }
    const folded = yield* foldCreated(families)
    for (const [index, family] of folded.entries()) {
      if (index % familiesPerStep === 0) yield
      const place = this.#place(source, family, contribution.conflicts)
      if (!place) continue
      contribution.duplicates += yield* place.family.join(source, place.samples, this.#toldApart)
    }
    return contribution
  }

  families(): Family[] {
    return [...this.#byName.values()]
  }

  #place(
    source: string,
    family: Family,
    conflicts: Conflict[],
  ): { family: MergedFamily; samples: readonly Sample[] } | undefined {
    const inTheWay = this.#inTheWayOf(family)
    if (!inTheWay) return { family: this.#hold(source, family), samples: family.samples }
    const heldBy = { source: inTheWay.firstSource, family: inTheWay.name, type: inTheWay.type }
    const renamed = this.#policy === 'prefix' ? prefixed(source, family) : undefined
    const told = renamed !== undefined && !this.#inTheWayOf(renamed)
    conflicts.push({ family: family.name, type: family.type, heldBy, renamedTo: told ? renamed.name : undefined })
    return told ? { family: this.#hold(source, renamed), samples: renamed.samples } : undefined
  }

  #inTheWayOf(family: Family): MergedFamily | undefined {
    const namesake = this.#byName.get(family.name)
    if (namesake && !namesake.takes(family.type)) return namesake
    for (const name of seriesNames(family)) {
      const holder = this.#claims.get(name)
      if (holder && holder !== namesake) return holder
    }
    return undefined
  }

  #hold(source: string, family: Family): MergedFamily {
    let held = this.#byName.get(family.name)
    if (!held) {
      held = new MergedFamily(source, family)
      this.#byName.set(family.name, held)
    }
    held.describe(family)
    for (const name of seriesNames(family)) this.#claims.set(name, held)
    return held
  }
}

const familiesPerStep = 32

/** The family's own name and those of the series it has or may have. Creation times only when there are any: the name is a common one. */
function seriesNames(family: Family): string[] {
  const names = [family.name]
  for (const suffix of suffixesOf(family.type)) {
    if (suffix === '') continue
    if (suffix === '_created' && !family.samples.some(sample => sample.suffix === suffix)) continue
    names.push(seriesName(family, suffix))
  }
  return names
}

function prefixed(source: string, family: Family): Family {
  const prefix = source.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_')
  // A stateset's state label bears the family's name, and would not any more.
  const type = family.type === 'stateset' ? 'gauge' : family.type
  return { ...family, type, name: `${prefix}_${family.name}` }
}
