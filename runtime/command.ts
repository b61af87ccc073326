import { exitCode } from './lifecycle.ts'
import {
  type Invocation,
  type ProgramDescription,
  type ReadSettings,
  readSettings,
  type Setting,
  type ValuesOf,
} from './settings.ts'

/**
 * Reads a command's settings, or ends the process as commands do: --help prints and exits 0, wrong usage says what is wrong and exits 2.
 */
export function settingsOrExit<const S extends Record<string, Setting<unknown>>>(
  program: ProgramDescription,
  settings: S,
  invocation: Invocation,
): { values: ValuesOf<S>; operands: string[] } {
  const read: ReadSettings<ValuesOf<S>> = readSettings(program, settings, invocation)
  if (read.status === 'ok') return { values: read.values, operands: read.operands }
  if (read.status === 'help') {
    process.stdout.write(read.text)
    process.exit(exitCode.done)
  }
  usageError(program.name, read.reason)
}

/** Ends the process over a usage error. */
export function usageError(name: string, reason: string): never {
  process.stderr.write(`${name}: ${reason}\n`)
  process.exit(exitCode.usage)
}
