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

/** Below these the usual services live, above them the system takes ports for outgoing connections, between our look and our use. */
const ANY_MIN = 12_000
const ANY_MAX = 31_000

/** Any free port, whatever was wished for: several meshes may start on one machine at the same moment. `random` is in [0, 1). */
export function anyPortsOn(host: string, random: () => number): Ports {
  const taken = new Set<number>()
  return {
    moved: [],
    async take(_wish, what) {
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const port = ANY_MIN + Math.floor(random() * (ANY_MAX - ANY_MIN))
        if (taken.has(port) || (await tryPort(host, port)) === undefined) continue
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
