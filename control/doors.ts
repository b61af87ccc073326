import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { COLLECTOR } from '../protocol/identity.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ControlSettings } from './config.ts'
import type { Door } from './door.ts'
import { authorityRoutes } from './identity/authority-routes.ts'
import type { IdentityEvents } from './identity/events.ts'
import { failureLimit, failureLimits } from './identity/failure-limit.ts'
import { auditBook, auditRoutes, guard, told } from './identity/guard.ts'
import type { Identity } from './identity/identity.ts'
import { certificateRoutes } from './identity/identity-routes.ts'
import type { HomeMesh } from './identity/peer.ts'
import type { TokenBook } from './identity/token-book.ts'
import { keepTokenFile, type TokenFile } from './identity/token-files.ts'
import { tokenRoutes } from './identity/token-routes.ts'
import { visitors } from './identity/visitors.ts'
import type { IdentityStore } from './state/identity-store.ts'

export interface DoorParts {
  settings: Pick<ControlSettings, 'doors' | 'listen' | 'renewalGrace'>
  clock: Clock
  store: IdentityStore
  identity: Identity
  tokens: TokenBook
  home(): HomeMesh
  behind(epoch: number): string[]
  events: IdentityEvents
}

/** Control's doors: who is who, who may what, and the routes by which proxies and people get their proofs. */
export interface Doors {
  guard(app: FastifyInstance, doorOf: (request: FastifyRequest) => Door | undefined): void
  routes(app: FastifyInstance): void
}

export function createDoors({ settings, clock, store, identity, tokens, home, behind, events }: DoorParts): Doors {
  const limit = failureLimit(failureLimits)
  const audit = auditBook(store, clock.wall, events)
  const seen = visitors({ doors: settings.doors, clock, tokens, limit, home, ownHosts: [settings.listen.host], events })
  if (settings.doors === 'open-loopback') events.doorsOpen()
  return {
    guard: (app, doorOf) => guard(app, { visitors: seen, audit, events, doorOf }),
    routes(app) {
      certificateRoutes(app, {
        clock,
        identity,
        tokens,
        limit,
        home,
        renewalGraceMs: settings.renewalGrace,
        events,
        audit: (request, who, refusal) =>
          audit.write({
            ...told(request),
            who,
            detail: (request.body as { service?: string } | undefined)?.service ?? '',
            outcome: refusal === undefined ? 'done' : 'refused',
            reason: refusal ?? '',
          }),
      })
      authorityRoutes(app, { identity, store, clock, behind })
      tokenRoutes(app, { tokens, identity })
      auditRoutes(app, store)
    },
  }
}

/** The files of tokens that the settings ask for, and at first start the first admin token's. */
export function keepTokenFiles(
  settings: Pick<
    ControlSettings,
    'data' | 'joinTokenFile' | 'joinTokenFor' | 'collectorTokenFile' | 'readerTokenFile' | 'newAdminToken'
  >,
  tokens: TokenBook,
  pin: string,
  events: Pick<IdentityEvents, 'tokenFile'>,
): void {
  const file = (path: string, mode: number, wanted: Omit<TokenFile['wanted'], 'expiresInMs' | 'madeBy'>) => {
    const written = keepTokenFile(
      { path, mode, wanted: { ...wanted, expiresInMs: null, madeBy: 'control' } },
      tokens,
      pin,
    )
    events.tokenFile(path, wanted.kind, written)
  }
  const adminFile = join(settings.data, 'admin-token')
  const isFirst = !tokens.list().some(({ kind }) => kind === 'admin')
  if (isFirst || (settings.newAdminToken && !existsSync(adminFile)))
    file(adminFile, 0o600, { kind: 'admin', name: 'first' })
  const services = settings.joinTokenFor
  if (settings.joinTokenFile !== undefined)
    file(settings.joinTokenFile, 0o640, {
      kind: 'join',
      name: 'file',
      reusable: true,
      ...(services.length > 0 && { services }),
    })
  if (settings.collectorTokenFile !== undefined)
    file(settings.collectorTokenFile, 0o640, { kind: 'join', name: 'collector', reusable: true, services: [COLLECTOR] })
  if (settings.readerTokenFile !== undefined) file(settings.readerTokenFile, 0o640, { kind: 'read', name: 'file' })
}
