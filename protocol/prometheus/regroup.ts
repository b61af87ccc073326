import { asPlainFamilies, type Family, type FamilyType, type Sample, type SampleSuffix, suffixesOf } from './family.ts'
import type { ExpositionFormat } from './format.ts'
import { breaksItsType } from './type-rules.ts'

const groupsPerStep = 256

/** A family while its lines are still being read. */
interface Group {
  name: string
  type: FamilyType
  help: string | undefined
  unit: string | undefined
  samples: Sample[]
  /** By HELP, TYPE or UNIT, under this name; undefined for a family known by its samples alone. */
  declaredAs: string | undefined
  typed: boolean
  /** False while it is open whether the series of a counter or info bear their ending or the bare declared name. */
  nameSettled: boolean
  /** A sample broke the rules of the type: the family ends as plain series. */
  flawed: boolean
}

/** Where samples of a series name go. */
interface Target {
  group: Group
  suffix: SampleSuffix
  /** The family's name once a sample came this way. */
  settlesName: string | undefined
  /** Follows from a TYPE line of another name; a TYPE line of this very name goes before. */
  derived: boolean
}

/**
 * Brings the lines of a body back into families: one family each, however often and in whatever order its HELP, TYPE and samples
 * stand (bodies pasted together say the same family twice). A second TYPE that contradicts the first begins a second family of the
 * same name; the merge decides which one stays.
 */
export class Regrouping {
  readonly #format: ExpositionFormat
  readonly #groups: Group[] = []
  readonly #declared = new Map<string, Group>()
  readonly #targets = new Map<string, Target>()
  #lastName = ''
  #lastTarget: Target | undefined

  constructor(format: ExpositionFormat) {
    this.#format = format
  }

  get familyCount(): number {
    return this.#groups.length
  }

  help(declaredName: string, help: string): void {
    this.#declaration(declaredName).help ??= help
  }

  unit(declaredName: string, unit: string): void {
    this.#declaration(declaredName).unit ??= unit
  }

  type(declaredName: string, type: FamilyType): void {
    const group = this.#declaration(declaredName)
    if (group.type === type) {
      group.typed = true
      return
    }
    if (!group.typed && (group.samples.length === 0 || canTakeBareSamples(type)))
      this.#setType(group, declaredName, type)
    else this.#setType(this.#begin(declaredName, declaredName), declaredName, type)
  }

  add(seriesName: string, sample: Omit<Sample, 'suffix'>): void {
    const { group, suffix } = this.#targetOf(seriesName)
    const { labels, value, timestampMs, exemplar } = sample
    const added: Sample = { suffix, labels, value, timestampMs, exemplar }
    group.samples.push(added)
    if (!group.flawed && breaksItsType(group.type, group.name, added)) group.flawed = true
  }

  /** The families in the order in which they were first named. */
  *families(): Generator<undefined, Family[]> {
    const families: Family[] = []
    for (const [index, group] of this.#groups.entries()) {
      if (index % groupsPerStep === groupsPerStep - 1) yield
      families.push(...this.#finished(group))
    }
    return families
  }

  #declaration(name: string): Group {
    const declared = this.#declared.get(name)
    if (declared) return declared
    const target = this.#targets.get(name)
    // Samples came before their HELP or TYPE: the family is there already.
    const group = target && !target.derived ? target.group : this.#begin(name, name)
    group.declaredAs = name
    this.#declared.set(name, group)
    return group
  }

  #begin(name: string, declaredAs: string | undefined): Group {
    const group: Group = {
      name,
      type: 'unknown',
      help: undefined,
      unit: undefined,
      samples: [],
      declaredAs,
      typed: false,
      nameSettled: true,
      flawed: false,
    }
    this.#groups.push(group)
    if (declaredAs !== undefined) this.#declared.set(declaredAs, group)
    this.#setTarget(name, { group, suffix: '', settlesName: undefined, derived: false })
    return group
  }

  #setType(group: Group, declaredName: string, type: FamilyType): void {
    group.type = type
    group.typed = true
    const ending = type === 'counter' ? '_total' : type === 'info' ? '_info' : undefined
    if (ending !== undefined) {
      group.nameSettled = group.samples.length > 0
      const bare = { group, suffix: '', settlesName: declaredName, derived: false } as const
      this.#setTarget(declaredName, bare)
      const whole = declaredName + ending
      if (!group.nameSettled) this.#derive(whole, { group, suffix: '', settlesName: whole, derived: true })
    } else if (!suffixesOf(type).includes('')) {
      // A histogram has no series of its bare name: such a sample is a family of its own, in conflict with this one.
      this.#targets.delete(declaredName)
      this.#lastName = ''
    }
    const base =
      ending !== undefined && declaredName.endsWith(ending) ? declaredName.slice(0, -ending.length) : declaredName
    for (const suffix of suffixesOf(type)) {
      if (suffix === '') continue
      const name = (suffix === '_created' ? base : declaredName) + suffix
      this.#derive(name, { group, suffix, settlesName: undefined, derived: true })
    }
  }

  #derive(name: string, target: Target): void {
    const already = this.#targets.get(name)
    const spokenFor = already && !already.derived && (already.group.typed || already.group.samples.length > 0)
    if (spokenFor) return
    this.#setTarget(name, target)
  }

  #setTarget(name: string, target: Target): void {
    this.#targets.set(name, target)
    this.#lastName = ''
  }

  #targetOf(seriesName: string): Target {
    if (this.#lastTarget && seriesName === this.#lastName) return this.#lastTarget
    let target = this.#targets.get(seriesName)
    if (!target) {
      const group = this.#begin(seriesName, undefined)
      target = { group, suffix: '', settlesName: undefined, derived: false }
    }
    if (!target.group.nameSettled && target.settlesName !== undefined)
      this.#settleName(target.group, target.settlesName)
    this.#lastName = seriesName
    this.#lastTarget = target
    return target
  }

  /** The first sample tells which name the series bear; the other one is free for a family of its own. */
  #settleName(group: Group, name: string): void {
    group.name = name
    group.nameSettled = true
    for (const other of [group.declaredAs ?? '', `${group.declaredAs}_total`, `${group.declaredAs}_info`]) {
      if (other !== name && this.#targets.get(other)?.group === group) this.#targets.delete(other)
    }
  }

  #finished(group: Group): Family[] {
    const family: Family = {
      name: group.nameSettled ? group.name : this.#unusedName(group),
      type: group.type,
      help: group.help,
      unit: group.unit,
      samples: group.samples,
    }
    if (group.flawed) return asPlainFamilies(family)
    // A bare name is no info's name in OpenMetrics; the series itself is a gauge of value 1.
    if (family.type === 'info' && !family.name.endsWith('_info')) return [{ ...family, type: 'gauge' }]
    return [family]
  }

  /** Without a sample the format decides: OpenMetrics declares a counter without its ending, text with whatever it has. */
  #unusedName({ name, type }: Group): string {
    const ending = type === 'counter' ? '_total' : '_info'
    if (name.endsWith(ending) || (type === 'counter' && this.#format === 'text')) return name
    return name + ending
  }
}

/** Samples under the bare name of a family fit these types, so that a TYPE line may come after them. */
function canTakeBareSamples(type: FamilyType): boolean {
  return type === 'gauge' || type === 'counter' || type === 'unknown'
}
