import { existsSync } from 'node:fs'
import type { ProxySettings } from './config.ts'

const ON_THIS_MACHINE = '127.0.0.1:8500'

/** Where this proxy keeps its key and certificate. */
export function identityFile(data: string): string {
  return `${data}/identity.json`
}

/** Control as it was told, else that of this machine: over TLS for a proxy that can prove who it is, or soon will. */
export function controlUrlOf({ control, joinToken, data }: ProxySettings): string {
  const canProve = joinToken !== undefined || (data !== undefined && existsSync(identityFile(data)))
  return control ?? `${canProve ? 'https' : 'http'}://${ON_THIS_MACHINE}`
}
