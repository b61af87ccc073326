/**
 * The three functions of metadata reflection that the container inside @peculiar/x509 (tsyringe) asks for before it loads. Its classes are
 * compiled without metadata and take no arguments, so remembering what is defined, class by class, is all of it. A Reflect that has the
 * functions already keeps its own.
 */
interface MetadataReflect {
  getMetadata?: (key: unknown, target: object) => unknown
  getOwnMetadata?: (key: unknown, target: object) => unknown
  defineMetadata?: (key: unknown, value: unknown, target: object) => void
}

const kept = new WeakMap<object, Map<unknown, unknown>>()
const reflect = Reflect as MetadataReflect

function own(key: unknown, target: object): unknown {
  return kept.get(target)?.get(key)
}

/** The target's own, else the nearest class's that it extends. */
function inherited(key: unknown, target: object): unknown {
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at) as object | null)
    if (kept.get(at)?.has(key)) return own(key, at)
  return undefined
}

function define(key: unknown, value: unknown, target: object): void {
  kept.set(target, (kept.get(target) ?? new Map<unknown, unknown>()).set(key, value))
}

if (reflect.getMetadata === undefined)
  Object.assign(reflect, { getMetadata: inherited, getOwnMetadata: own, defineMetadata: define })
