import type { RequestListener, Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Address } from '../runtime/address.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Checks } from '../runtime/ops.ts'
import { openTwoWayPort, type TwoWayPort } from '../runtime/two-way-port.ts'
import { meshRoots } from './mesh-roots.ts'
import { nobodysCertificate } from './own-certificate.ts'
import { provedReporter, type ReporterCheck } from './receive/reporter-proof.ts'

/** A root that is being rotated is told minutes ahead. */
const ROOTS_EVERY_MS = 10_000

/** The collector's port where proxies prove who they are: TLS beside clear text, and the roots that certificates are followed to. */
export interface GuardedPort {
  open(handler: RequestListener): Server
  check: ReporterCheck
  listen(app: FastifyInstance, address: Address): Promise<string>
  checks(): Checks
  close(graceMs: number): Promise<void>
}

export async function guardedPort(source: string, clock: Clock, log: Log): Promise<GuardedPort> {
  const own = await nobodysCertificate(clock.wall())
  let port: TwoWayPort | undefined
  const roots = meshRoots({
    source,
    clock,
    everyMs: ROOTS_EVERY_MS,
    onChange(next) {
      port?.setTls({ ...own, ca: next.roots })
      log.info({ roots: next.roots.length }, `reports are taken from proxies of ${next.trustDomain}`)
    },
    onProblem: reason => log.warn(`the roots of the mesh cannot be read, those before stay in force: ${reason}`),
  })
  return {
    open(handler) {
      // Reports are requests that never end.
      port = openTwoWayPort(
        handler,
        clock,
        {
          handshakeFailed: reason => log.debug(`a TLS handshake failed: ${reason}`),
          connectionDropped: why => log.debug(`a connection was given up before its first byte: ${why}`),
        },
        { requestTimeoutMs: 0 },
      )
      if (roots.inForce) port.setTls({ ...own, ca: roots.inForce.roots })
      return port.plain
    },
    check: provedReporter(() => roots.inForce, clock.wall),
    async listen(app, address) {
      await app.ready()
      return await port!.listen(address)
    },
    checks: () => ({
      meshRoots: {
        ok: roots.problem === undefined,
        required: false,
        detail: roots.problem ?? `certificates of ${roots.inForce?.trustDomain ?? 'nobody yet'} are proof`,
      },
    }),
    async close(graceMs) {
      roots.close()
      await port?.close(graceMs)
    },
  }
}
