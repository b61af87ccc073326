#!/usr/bin/env -S node --min-semi-space-size=8 --v8-pool-size=1
// The `trimtab` command as it is started. It is JavaScript so that it can say where Node keeps what it has compiled before any TypeScript is
// read: what was read once is then read without types and compiled, and Node does not even load what strips types, which comes to a fifth of
// a sidecar's memory and more than half of the CPU of its start.
import { statSync } from 'node:fs'
import { enableCompileCache } from 'node:module'

const { HOME, XDG_CACHE_HOME, NODE_COMPILE_CACHE } = process.env

/** Of who runs us, and of nobody else: what lies there is run. Not so with `sudo` that keeps HOME, nor in a folder for everybody. */
const isOurs = folder => {
  const found = statSync(folder, { throwIfNoEntry: false })
  return found?.uid === process.getuid?.() && (found.mode & 0o022) === 0
}

const base = XDG_CACHE_HOME || HOME
if (NODE_COMPILE_CACHE === undefined && base && isOurs(base))
  enableCompileCache(`${XDG_CACHE_HOME || `${HOME}/.cache`}/trimtab`)
await import('./trimtab.ts')
