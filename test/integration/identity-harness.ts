import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { TokenStatus } from '../../control/identity/token-routes.ts'
import type { IssuedCertificate } from '../../protocol/credentials.ts'
import { type Asked, askForCertificate } from '../support/certificates.ts'
import { type Answer, type Place, place, type StartedControl, startControl } from './control-harness.ts'

export const timeout = 60_000

interface Reply<T = Answer> {
  status: number
  headers: IncomingMessage['headers']
  body: T
}

export interface Ask {
  method?: string
  token?: string | undefined
  body?: unknown
  /** Over TLS, with this certificate. */
  tls?: { ca: string; cert?: string; key?: string }
  headers?: Record<string, string>
  /** Only the head is read: the answer has no end. */
  stream?: boolean
}

export async function ask<T = Answer>(
  control: StartedControl,
  path: string,
  { method = 'GET', token, body, tls, headers, stream }: Ask = {},
): Promise<Reply<T>> {
  const options = {
    method,
    agent: false as const,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
  }
  const url = new URL(path, tls ? control.base.replace('http:', 'https:') : control.base)
  const request = tls ? httpsRequest(url, { ...options, ...tls }) : httpRequest(url, options)
  request.end(body === undefined ? undefined : JSON.stringify(body))
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  if (stream && response.statusCode === 200) {
    request.destroy()
    return { status: 200, headers: response.headers, body: {} as T }
  }
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode!, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as T }
}

export const adminOf = (at: Place) => readFileSync(join(at.data, 'admin-token'), 'utf8').trim()

export async function started(t: TestContext, changes: Parameters<typeof startControl>[3] = {}) {
  const at = place(t)
  const control = await startControl(t, at, [], { doors: 'tokens', ...changes })
  const admin = adminOf(at)
  const make = async (order: Record<string, unknown>) => {
    const made = await ask<TokenStatus & { token: string }>(control, '/v1/tokens', {
      method: 'POST',
      token: admin,
      body: order,
    })
    assert.equal(made.status, 200, JSON.stringify(made.body))
    return made.body
  }
  return { at, control, admin, make }
}

export function order(control: StartedControl, service: string, asked: Asked, how: Ask) {
  return ask<IssuedCertificate & Answer>(control, '/v1/identity/certificates', {
    method: 'POST',
    body: { service, csr: asked.csr },
    ...how,
  })
}

/** A proxy that has joined: its certificate, as node:tls takes it. */
export async function joined(control: StartedControl, service: string, token: string) {
  const asked = await askForCertificate()
  const issued = await order(control, service, asked, { token })
  assert.equal(issued.status, 200, JSON.stringify(issued.body))
  return { ...issued.body, tls: { ca: issued.body.roots.join(''), cert: issued.body.chain, key: asked.key } }
}

export const registration = (service: string, instance: string, kind = 'sidecar') =>
  `/v1/snapshots?${new URLSearchParams({ service, version: 'v1', instance, kind, address: '127.0.0.1:20000' })}`
