import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { issueLeaf, pinOf, serialNumber } from '../../control/identity/certificates.ts'
import { checkCsr } from '../../control/identity/csr.ts'
import type { Identity } from '../../protocol/credentials.ts'
import { controlSpiffeId, type JoinToken, spiffeIdOf } from '../../protocol/identity.ts'
import type { Intentions } from '../../protocol/intentions.ts'
import type { SnapshotLine } from '../../protocol/snapshot.ts'
import { type TestAuthority, testAuthority } from './certificates.ts'

const everybody: Intentions = { default: 'allow', rules: [], jwt: {} }

/** Control as far as proxies ask it who they are: roots, certificates, snapshots; with hands on what it says. */
export interface FakeControl {
  readonly url: string
  readonly token: JoinToken
  readonly authority: TestAuthority
  readonly identity: Identity
  /** Certificates given so far: by which proof, for which service. */
  readonly given: { by: 'token' | 'certificate'; service: string }[]
  /** How certificates are made from now on. */
  lifetimeMs: number
  /** 0: as it should be; else the status that every request for a certificate gets. */
  refuseWith: number
  /** So many certificates by token are made whose answer never arrives. */
  answersToLose: number
  /** The token is good for the key of its first use alone, as a one-time one is. */
  tokenOnce: boolean
  /** Sections of a service's snapshot; `identity` is added, and intentions that let everybody in unless others are told; null: that section is gone. All its streams hear of it at once. */
  tell(service: string, sections: Record<string, unknown>): void
  /** Trusts these roots from now on, and issues from the last of them. */
  rotate(authorities: TestAuthority[]): void
  /** Goes away, and comes back at the same port. */
  leave(): Promise<void>
  comeBack(): Promise<void>
  close(): Promise<void>
}

const DC = 'dc1'

export async function fakeControl(lifetimeMs = 3_600_000, trustDomain = 'demo.mesh'): Promise<FakeControl> {
  let authorities = [await testAuthority(trustDomain)]
  const first = authorities[0]!
  const token = { id: 'test-token', secret: randomBytes(32).toString('base64url'), pin: pinOf(first.root) }
  const given: FakeControl['given'] = []
  const told = new Map<string, Record<string, unknown>>()
  const streams = new Map<ServerResponse, string>()
  const sockets = new Set<Duplex>()
  let epoch = 0
  let tokenKey: Buffer | undefined
  let server: Server | undefined
  let port = 0

  const issuing = () => authorities.at(-1)!
  const roots = () => authorities.map(({ root }) => root)

  function identityFor(service: string): Identity {
    const spiffeId = spiffeIdOf({ trustDomain, dc: DC }, service)
    return { trustDomain, dc: DC, spiffeId, roots: roots(), issuer: issuing().fingerprint }
  }

  function snapshot(service: string): string {
    const sections = { intentions: everybody, ...told.get(service), identity: identityFor(service) }
    const line: SnapshotLine = {
      epoch,
      sections: Object.fromEntries(
        Object.entries(sections).map(([name, value]) => [name, value === null ? null : { version: epoch, value }]),
      ),
    }
    return `${JSON.stringify(line)}\n`
  }

  function tellStreams(): void {
    epoch++
    for (const [stream, service] of streams) stream.write(snapshot(service))
  }

  async function issue(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const asked = JSON.parse(body) as { service: string; csr: string }
    const shown = (request.socket as TLSSocket).getPeerX509Certificate()
    const authorized = (request.socket as TLSSocket).authorized
    const bearer = `Bearer ${token.id}.${token.secret}.${token.pin}`
    const by = request.headers.authorization === bearer ? 'token' : authorized ? 'certificate' : undefined
    if (control.refuseWith > 0 || by === undefined) {
      response.writeHead(control.refuseWith || 401).end('no proof that holds')
      return
    }
    const spiffeId = spiffeIdOf({ trustDomain, dc: DC }, asked.service)
    if (by === 'certificate' && !shown?.subjectAltName?.includes(spiffeId)) {
      response.writeHead(403).end('the certificate is not of that service')
      return
    }
    const csr = await checkCsr(asked.csr)
    if (csr.status === 'refused') {
      response.writeHead(400).end(csr.reason)
      return
    }
    given.push({ by, service: asked.service })
    if (by === 'token') {
      tokenKey ??= csr.publicKey
      if (control.tokenOnce && !tokenKey.equals(csr.publicKey)) {
        response.writeHead(401).end('the token was used, for another key')
        return
      }
      if (control.answersToLose-- > 0) {
        request.socket.destroy()
        return
      }
    }
    const leaf = await issueLeaf(issuing(), {
      names: { spiffeId },
      publicKey: csr.publicKey,
      nowMs: Date.now(),
      lifetimeMs: control.lifetimeMs,
      serial: serialNumber(randomBytes(16)),
    })
    response.end(
      JSON.stringify({
        spiffeId,
        chain: leaf.chain,
        roots: roots(),
        issuer: issuing().fingerprint,
        notBefore: new Date(leaf.notBeforeMs).toISOString(),
        notAfter: new Date(leaf.notAfterMs).toISOString(),
      }),
    )
  }

  function stream(url: URL, request: IncomingMessage, response: ServerResponse): void {
    if (!(request.socket as TLSSocket).authorized) {
      response.writeHead(401).end('no certificate')
      return
    }
    const service = url.searchParams.get('service')!
    response.write(`${JSON.stringify({ protocol: 1, program: 'control', version: 'test', epoch: 0 })}\n`)
    response.write(snapshot(service))
    streams.set(response, service)
    const beat = setInterval(() => response.write(`${JSON.stringify({ epoch })}\n`), 500)
    response.on('close', () => {
      clearInterval(beat)
      streams.delete(response)
    })
  }

  async function open(): Promise<void> {
    const own = await first.certify({ spiffeId: controlSpiffeId(trustDomain) })
    const opened = createServer({
      key: own.key,
      cert: own.chain,
      ca: roots(),
      requestCert: true,
      rejectUnauthorized: false,
    })
    opened.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const url = new URL(request.url!, 'https://control.invalid')
      if (url.pathname === '/v1/identity/roots') response.end(JSON.stringify({ trustDomain, dc: DC, roots: roots() }))
      else if (url.pathname === '/v1/identity/certificates') void issue(request, response)
      else if (url.pathname === '/v1/snapshots') stream(url, request, response)
      else response.writeHead(404).end()
    })
    opened.on('connection', socket => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    await new Promise<void>(resolve => opened.listen(port, '127.0.0.1', resolve))
    port = (opened.address() as AddressInfo).port
    server = opened
  }

  function leave(): Promise<void> {
    const leaving = server
    server = undefined
    if (leaving === undefined) return Promise.resolve()
    const left = new Promise<void>(resolve => leaving.close(() => resolve()))
    for (const socket of sockets) socket.destroy()
    return left
  }

  const control: FakeControl = {
    get url() {
      return `https://127.0.0.1:${port}`
    },
    token,
    get authority() {
      return issuing()
    },
    get identity() {
      return identityFor('any')
    },
    given,
    lifetimeMs,
    refuseWith: 0,
    answersToLose: 0,
    tokenOnce: false,
    tell(service, sections) {
      told.set(service, sections)
      tellStreams()
    },
    rotate(next) {
      authorities = next
      server?.setSecureContext({ ...ownContext, ca: roots() })
      tellStreams()
    },
    leave,
    comeBack: open,
    close: leave,
  }
  const ownContext = await first
    .certify({ spiffeId: controlSpiffeId(trustDomain) })
    .then(({ key, chain }) => ({ key, cert: chain }))
  await open()
  return control
}
