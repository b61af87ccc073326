import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { anyPortsOn } from '../../cli/up/ports.ts'
import { nghttpd } from '../peers/nghttp2.ts'
import { nginxBackend } from '../peers/nginx.ts'
import { LOAD_CORE, type Measured } from './process.ts'

/** Ports of two versions of a service, two endpoints each. */
export interface Versions {
  v1: readonly [number, number]
  v2: readonly [number, number]
  [version: string]: readonly number[]
}

/** A place for a benchmark; what was told to it ends with it. */
export interface EmptyWorld extends AsyncDisposable {
  /** For the files of whoever takes part; gone with the world. */
  readonly folder: string
  /** A free port, never the same twice. */
  take(): Promise<number>
  stopping(started: Measured): void
}

/** What stands around the proxies that a benchmark compares: endpoints that answer 100 bytes, and a sink for spans and reports. */
export interface World extends EmptyWorld {
  /** Answers 202 to whatever is posted. */
  readonly sinkPort: number
  /** Endpoints that speak HTTP/1.1, at any path. */
  readonly http1: Versions
  /** Starts endpoints that speak HTTP/2 in clear text, at path /trip. */
  http2(nghttpdProgram: string): Promise<Versions>
}

export function emptyWorld(): EmptyWorld {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-bench-`)
  const ports = anyPortsOn('127.0.0.1', Math.random)
  const all: Measured[] = []
  return {
    folder,
    take: () => ports.take(0, 'bench'),
    stopping: started => void all.push(started),
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map(one => one.stop()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export async function openWorld(nginxProgram: string): Promise<World> {
  const world = emptyWorld()
  const { folder, take, stopping } = world
  const takeVersions = async (): Promise<Versions> => ({
    v1: [await take(), await take()],
    v2: [await take(), await take()],
  })
  const [sinkPort, http1] = [await take(), await takeVersions()]
  stopping(await nginxBackend(nginxProgram, folder, LOAD_CORE, [...http1.v1, ...http1.v2], sinkPort))
  return {
    ...world,
    sinkPort,
    http1,
    async http2(nghttpdProgram) {
      const versions = await takeVersions()
      for (const port of [...versions.v1, ...versions.v2])
        stopping(await nghttpd(nghttpdProgram, folder, LOAD_CORE, port))
      return versions
    },
  }
}
