import type { OidcLogin } from '../../../protocol/oidc.ts'
import { type Fields, fieldOf } from '../../exchange.ts'
import type { Failure } from '../../failures.ts'
import { cookiesOf, setCookie } from './cookies.ts'
import type { LoginCounts } from './counts.ts'
import type { LoginProvider, Pending } from './provider.ts'
import type { Seals } from './sealed.ts'

/** What browsers go through to log in and out: each step comes to an answer of the gateway's own. */
export type Step =
  | { status: 'redirect'; location: string; cookies: string[] }
  | { status: 'refused'; failure: Failure; cookies: string[] }

/** A gateway whose secret could be read. */
export interface Door {
  settings: OidcLogin
  seals: Seals
  provider: LoginProvider
}

/** The request that a step begins with. */
export interface Asking {
  target: string
  fields: Fields
}

export interface StepParts {
  /** Wall clock, milliseconds. */
  nowMs: number
  counts: LoginCounts
  /** Why a login failed, for the operator: the browser is not told. */
  failed(reason: string): void
}

const LOGIN_MS = 600_000
/** Logins under way in one browser (tabs): with more of them all are begun anew. */
const PENDING_MAX = 4
/** Browsers keep cookies of 4096 bytes, name and attributes counted. */
const COOKIE_LENGTH_MAX = 3900

/** Sends the browser to the provider; what must be known when it comes back goes with it, sealed. Rejects when the provider is away. */
export async function beginLogin(door: Door, { target, fields }: Asking, { nowMs, counts }: StepParts): Promise<Step> {
  const { url, pending } = await door.provider.begin(target)
  const sealed = await door.seals.seal('login', { ...pending }, nowMs + LOGIN_MS)
  counts.begun++
  const others = [...cookiesOf(fields).keys()].filter(name => name.startsWith(loginCookie(door, '')))
  const gone = others.length < PENDING_MAX ? [] : others.map(name => cookie(door, name, '', 0))
  return {
    status: 'redirect',
    location: url,
    cookies: [...gone, cookie(door, loginCookie(door, pending.state), sealed, LOGIN_MS)],
  }
}

/** Takes the browser that comes back from the provider and gives it a session. */
export async function finishLogin(door: Door, { target, fields }: Asking, parts: StepParts): Promise<Step> {
  const { settings, seals } = door
  const { nowMs, counts } = parts
  const callback = new URL(`${settings.publicUrl}${target}`)
  const name = loginCookie(door, callback.searchParams.get('state') ?? '')
  const sealed = cookiesOf(fields).get(name)
  const login = sealed === undefined ? undefined : await seals.open('login', sealed, nowMs)
  if (login === undefined) {
    counts.failed++
    return refused('login-unknown', 'this login was not begun here, or too long ago: begin anew', 400)
  }
  const pending = login.value as unknown as Pending
  const over = [cookie(door, name, '', 0)]
  const session = await sessionOf(door, callback, pending, parts)
  if (session === undefined) {
    counts.failed++
    return refused('login-failed', 'the login failed', 403, over)
  }
  counts.finished++
  const cookies = [...over, cookie(door, settings.cookie, session, settings.sessionMs)]
  // Whole, with our own origin: nothing that stands in the target leads elsewhere.
  return { status: 'redirect', location: `${settings.publicUrl}${pending.to}`, cookies }
}

async function sessionOf(
  { settings, seals, provider }: Door,
  callback: URL,
  pending: Pending,
  { nowMs, failed }: StepParts,
): Promise<string | undefined> {
  try {
    const claims = claimsToKeep(await provider.finish(callback, pending), settings)
    const session = await seals.seal('session', claims, nowMs + settings.sessionMs)
    if (session.length <= COOKIE_LENGTH_MAX) return session
    failed('the session does not fit into a cookie: forward fewer or shorter claims')
  } catch (error) {
    failed(reasonOf(error as Error))
  }
  return undefined
}

/** Ends the session here and leads to the provider's own end. Another site cannot log anybody out: browsers tell where a request is from. */
export async function logOut(door: Door, { fields }: Asking, { counts }: StepParts): Promise<Step> {
  if (fieldOf(fields, 'sec-fetch-site') === 'cross-site')
    return refused('logout-from-elsewhere', 'another site may not log you out', 403)
  const { settings, provider } = door
  // The provider may be away: the session here ends all the same.
  const url = await provider.logoutUrl().catch(() => undefined)
  counts.loggedOut++
  return {
    status: 'redirect',
    location: url ?? `${settings.publicUrl}/`,
    cookies: [cookie(door, settings.cookie, '', 0)],
  }
}

export function loginRefusal(reason: string, detail: string, status: number): Failure {
  return { flag: 'UAEX', reason, detail, status }
}

export function reasonOf(error: Error): string {
  const { cause } = error as { cause?: unknown }
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message
}

function refused(reason: string, detail: string, status: number, cookies: string[] = []): Step {
  return { status: 'refused', failure: loginRefusal(reason, detail, status), cookies }
}

function cookie({ settings }: Door, name: string, value: string, maxAgeMs: number): string {
  return setCookie(name, value, Math.floor(maxAgeMs / 1000), settings.publicUrl.startsWith('https:'))
}

/** One login under way, named by its state, so that two tabs do not take each other's. */
function loginCookie({ settings }: Door, state: string): string {
  return `${settings.cookie}-login-${state.replace(/[^\w-]/g, '').slice(0, 12)}`
}

/** A session holds what is forwarded, and no more. */
function claimsToKeep(claims: Record<string, unknown>, { forward }: OidcLogin): Record<string, unknown> {
  const named = Object.keys(forward).map(name => (Object.hasOwn(claims, name) ? name : name.split('.')[0]!))
  const kept = new Set(['sub', ...named])
  return Object.fromEntries(Object.entries(claims).filter(([name]) => kept.has(name)))
}
