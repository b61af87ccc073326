/** One thing that is wrong with a mesh file, or that its writer should know: where, what was found, what is allowed. */
export type Problem = {
  file: string
  /** Both from 1, inside the file. */
  line: number
  column: number
  /** `services.expense.versions.v2.weight`, `gateways.edge.routes[0].to`; empty when the whole file is meant. */
  field: string
  /** What stands there, shortened; empty when something is missing. */
  found: string
  /** What may stand there; empty for a warning. */
  allowed: string
  /** The sentence a person reads, without place and field. */
  message: string
}

/** `mesh.yaml:12:7 services.expense.slo.availability: found "abc", allowed: a share such as 99.9%` */
export function formatProblem(problem: Problem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}`
  return `${place} ${problem.field === '' ? '' : `${problem.field}: `}${problem.message}`
}

export type Path = readonly (string | number)[]

/** `services.expense.routes[0].to`; keys with other signs are quoted. */
export function formatPath(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[\w-]+$/.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${JSON.stringify(shorten(step))}]`
  }
  return text
}

export function shorten(text: string, lengthMax = 60): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 3)}...`
}

/** `a`, `a or b`, `a, b or c`. */
export function either(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

/** The known name that `name` was probably meant to be: few edits away, or nothing. Names like v1 are all alike: no guess. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length < 4 || name.length > 64) return undefined
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** ` (did you mean x?)`, or the names when they are few. */
export function suggestion(name: string, known: readonly string[]): string {
  const close = nearest(name, known)
  if (close !== undefined) return ` (did you mean ${close}?)`
  if (known.length === 0) return ' (there is none)'
  return known.length <= 10 ? `: ${either(known)}` : ''
}

/** Levenshtein, with a swap of neighbours as one edit. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    before = last
    last = row
  }
  return last[b.length] ?? 0
}
