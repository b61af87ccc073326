import { createServer } from 'node:net'

/** Hands out ports: the one wished for when it is free, else the next free one above; never the same twice. */
export interface Ports {
  take(wish: number, what: string): Promise<number>
  /** What had to move, for the person at the terminal. */
  readonly moved: { what: string; from: number; to: number }[]
}

const TRIES = 200

export function portsOn(host: string): Ports {
  const taken = new Set<number>()
  const moved: { what: string; from: number; to: number }[] = []
  return {
    moved,
    async take(wish, what) {
      for (let port = wish; port < wish + TRIES && port <= 65_535; port++) {
        if (taken.has(port) || !(await isFree(host, port))) continue
        taken.add(port)
        if (port !== wish) moved.push({ what, from: wish, to: port })
        return port
      }
      throw new Error(`no free port for ${what} from ${wish} to ${wish + TRIES - 1}: end what holds them`)
    },
  }
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, host, () => probe.close(() => resolve(true)))
  })
}
