import { readFileSync } from 'node:fs'

/** A TCP connection over IPv4, as Linux tells of it. */
export interface KernelSocket {
  localPort: number
  remotePort: number
  /** `other`, while something was sent that is not acknowledged yet: that hides whether the far end is to be asked. */
  timer: 'none' | 'keepalive' | 'other'
  /** Until the far end is asked whether it is there. */
  keepaliveMs: number
}

const ESTABLISHED = '01'
const timers: Readonly<Record<string, KernelSocket['timer']>> = { '00': 'none', '02': 'keepalive' }
/** USER_HZ. */
const TICK_MS = 10

/** Connections that stand in this network namespace, both ends of those that have both here (proc(5), /proc/net/tcp). */
export function kernelSockets(): KernelSocket[] {
  const [, ...lines] = readFileSync('/proc/net/tcp', 'utf8').trimEnd().split('\n')
  return lines.flatMap(line => {
    const [, local = '', remote = '', state, , timer = ''] = line.trim().split(/\s+/)
    const [kind, when = ''] = timer.split(':')
    if (state !== ESTABLISHED) return []
    const portOf = (address: string) => Number.parseInt(address.split(':')[1] ?? '', 16)
    const keepaliveMs = Number.parseInt(when, 16) * TICK_MS
    return [{ localPort: portOf(local), remotePort: portOf(remote), timer: timers[kind!] ?? 'other', keepaliveMs }]
  })
}
