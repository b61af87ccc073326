import { createServer } from 'node:net'

/** Hands out ports, never the same twice. */
export interface Ports {
  take(wish: number, what: string): Promise<number>
  /** What had to move, for the person at the terminal. */
  readonly moved: { what: string; from: number; to: number }[]
}

const TRIES = 200

/** The port wished for when it is free, else the next free one above. */
export function portsOn(host: string): Ports {
  const taken = new Set<number>()
  const moved: { what: string; from: number; to: number }[] = []
  return {
    moved,
    async take(wish, what) {
      for (let port = wish; port < wish + TRIES && port <= 65_535; port++) {
        if (taken.has(port) || (await tryPort(host, port)) === undefined) continue
        taken.add(port)
        if (port !== wish) moved.push({ what, from: wish, to: port })
        return port
      }
      throw new Error(`no free port for ${what} from ${wish} to ${wish + TRIES - 1}: end what holds them`)
    },
  }
}

/** Any free port, whatever was wished for: several meshes may start on one machine at the same moment. */
export function anyPortsOn(host: string): Ports {
  const taken = new Set<number>()
  return {
    moved: [],
    async take(_wish, what) {
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const port = await tryPort(host, 0)
        if (port === undefined || taken.has(port)) continue
        taken.add(port)
        return port
      }
      throw new Error(`no free port for ${what}`)
    },
  }
}

/** The port taken for a moment, or undefined when somebody else has it. */
function tryPort(host: string, wish: number): Promise<number | undefined> {
  return new Promise(resolve => {
    const probe = createServer()
    probe.once('error', () => resolve(undefined))
    probe.listen(wish, host, () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined))
    })
  })
}
