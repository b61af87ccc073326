import type { Path } from './problem.ts'

/** A value as check.ts gives it when something was wrong: any part may be missing. */
export type Loose<T> = T extends readonly (infer I)[]
  ? (Loose<I> | undefined)[]
  : T extends object
    ? { [K in keyof T]?: Loose<T[K]> | undefined }
    : T

/** What the checks across fields write to. `allowed` as a function is only asked while there is room for one more problem. */
export type Report = {
  problem(path: Path, found: string, allowed: string | (() => string)): void
  warning(path: Path, message: string): void
  /** Whether something stands there, also when it did not fit and is missing in the value. */
  written(path: Path): boolean
}
