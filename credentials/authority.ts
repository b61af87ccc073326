import { createHash, X509Certificate } from 'node:crypto'
import type { buildConnector, Dispatcher } from 'undici'
import type { CertificateRequest, IssuedCertificate, TrustedRoots } from '../protocol/credentials.ts'
import type { JoinToken } from '../protocol/identity.ts'
import { lineReader } from '../protocol/line-reader.ts'
import { checks } from '../protocol/word-checks.ts'
import { Agent, request } from '../runtime/http-client.ts'
import { shortText } from '../runtime/short-text.ts'
import { sentenceOf } from '../runtime/tls-faults.ts'
import { connectionToControl, meshConnector, type OwnCertificate, type Trust } from './connection.ts'

/** Control's certificate authority as those ask it who join. Each question has its own connection: there are two an hour. */

const BYTES_MAX = 1024 * 1024
const TIMEOUT_MS = 5000

const readRoots = lineReader(checks.trustedRoots, BYTES_MAX)
const readIssued = lineReader(checks.issuedCertificate, BYTES_MAX)

/** `refused`: control said no (401, 403): the same proof will not do better. `failed`: it may work later. */
export type Asked<T> = { status: 'ok'; value: T } | { status: 'refused' | 'failed'; reason: string }

/**
 * The roots, of which one must fit the pin: by that alone control is known for the first time, so nobody is trusted while they are fetched.
 * Only the root that fits is taken: the others come with the certificate, from a control that has proved itself.
 */
export async function fetchRoots(controlUrl: string, { pin }: JoinToken): Promise<Asked<Trust & { dc: string }>> {
  const url = new URL('/v1/identity/roots', controlUrl)
  const asked = await ask(url, { method: 'GET' }, { rejectUnauthorized: false })
  if (asked.status !== 'ok') return asked
  const read = readRoots(asked.value)
  if (read.status === 'invalid') return failed(`control's answer to ${url.pathname} does not hold: ${read.reason}`)
  const { roots, trustDomain, dc } = read.value
  const pinned = roots.find(root => pinOf(root) === pin)
  if (pinned === undefined)
    return {
      status: 'refused',
      reason: `no root of ${url.host} fits the pin of the join token: is it this mesh's token?`,
    }
  return { status: 'ok', value: { roots: [pinned], trustDomain, dc } }
}

/** Asks for a certificate on the key of `csr`; the proof is the token, or else the certificate shown in the handshake. */
export async function requestCertificate(
  controlUrl: string,
  trust: Trust,
  proof: { token: string } | { own: OwnCertificate },
  order: CertificateRequest,
  wall: () => number,
): Promise<Asked<IssuedCertificate>> {
  const url = new URL('/v1/identity/certificates', controlUrl)
  const asked = await ask(
    url,
    {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...('token' in proof ? { authorization: `Bearer ${proof.token}` } : {}),
      },
      body: JSON.stringify(order),
    },
    connectionToControl(trust, 'own' in proof ? proof.own : undefined, wall),
  )
  if (asked.status !== 'ok') return asked
  const read = readIssued(asked.value)
  return read.status === 'ok'
    ? { status: 'ok', value: read.value }
    : failed(`control's answer does not hold: ${read.reason}`)
}

/** The roots and the issuer that control names now, from a control that proves itself: for who hears no snapshots. */
export async function askRoots(
  controlUrl: string,
  own: OwnCertificate & Trust,
  wall: () => number,
): Promise<Asked<TrustedRoots>> {
  const url = new URL('/v1/identity/roots', controlUrl)
  const asked = await ask(url, { method: 'GET' }, connectionToControl(own, own, wall))
  if (asked.status !== 'ok') return asked
  const read = readRoots(asked.value)
  return read.status === 'ok'
    ? { status: 'ok', value: read.value }
    : failed(`control's answer to ${url.pathname} does not hold: ${read.reason}`)
}

async function ask(
  url: URL,
  options: Omit<Dispatcher.RequestOptions, 'origin' | 'path'>,
  connection: buildConnector.BuildOptions,
): Promise<Asked<string>> {
  const agent = new Agent({
    connect: meshConnector(() => connection, TIMEOUT_MS),
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    pipelining: 0,
  })
  try {
    const answer = await request(url, { ...options, dispatcher: agent, signal: AbortSignal.timeout(2 * TIMEOUT_MS) })
    const text = await shortText(answer.body, BYTES_MAX)
    if (answer.statusCode >= 200 && answer.statusCode < 300) return { status: 'ok', value: text }
    const reason = `control answered ${answer.statusCode} to ${url.pathname}: ${text.slice(0, 500).trim()}`
    const isRefusal = answer.statusCode === 401 || answer.statusCode === 403
    return isRefusal ? { status: 'refused', reason } : failed(reason)
  } catch (error) {
    return failed(`${url.origin}: ${sentenceOf(error as Error)}`)
  } finally {
    void agent.destroy()
  }
}

function pinOf(pem: string): string | undefined {
  try {
    return createHash('sha256').update(new X509Certificate(pem).raw).digest('base64url')
  } catch {
    return undefined
  }
}

function failed(reason: string): { status: 'failed'; reason: string } {
  return { status: 'failed', reason }
}
