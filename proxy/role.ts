import type { ProxySettings } from './config.ts'
import type { Target } from './target.ts'

/** Of a proxy that control knows. */
export type MeshRole =
  | { kind: 'sidecar'; service: string; app: { host: string; port: number } }
  | { kind: 'gateway'; service: string; listen: { host: string; port: number } }

export type Role = MeshRole | { kind: 'alone'; service: string; listen: { host: string; port: number }; to: Target }

/** What the proxy is to be, or why the settings do not say. */
export function roleOf(values: ProxySettings): Role | { kind: 'unclear'; reason: string } {
  if (values.to !== undefined) {
    if (values.listen === undefined)
      return { kind: 'unclear', reason: '--to wants --listen: where do the requests come in?' }
    return { kind: 'alone', service: values.service ?? 'trimtab-proxy', listen: values.listen, to: values.to }
  }
  if (values.gateway !== undefined) {
    if (values.listen === undefined)
      return { kind: 'unclear', reason: '--gateway wants --listen: where do the requests come in?' }
    return { kind: 'gateway', service: values.gateway, listen: values.listen }
  }
  if (values.service === undefined)
    return { kind: 'unclear', reason: 'one of --service (sidecar), --gateway, or --listen with --to (alone) is needed' }
  if (values.app === undefined)
    return { kind: 'unclear', reason: '--service wants --app: where does the application listen?' }
  return { kind: 'sidecar', service: values.service, app: values.app }
}
