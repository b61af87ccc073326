// At a gateway that has a login: once per request; a session that is known costs a look-up.
import type { OidcLogin } from '../../../protocol/oidc.ts'
import type { Clock } from '../../../runtime/clock.ts'
import type { Log } from '../../../runtime/log.ts'
import { type Exchange, type Fields, fieldOf, type Stage } from '../../exchange.ts'
import { type Failure, failure } from '../../failures.ts'
import { normalizePath, pathOf } from '../../path.ts'
import type { Policy, PolicyInForce } from '../../route/policy.ts'
import { HeldRequest } from '../held-request.ts'
import { pushClaims, type Removal, removalOf, removeForwarded } from '../jwt/forward.ts'
import { keyOf, knownTokens } from '../jwt/known-tokens.ts'
import { cookiesOf, withoutCookies } from './cookies.ts'
import type { LoginCounts } from './counts.ts'
import { needsLogin } from './needs-login.ts'
import type { LoginProvider } from './provider.ts'
import { type Sealed, type Seals, sealsOf } from './sealed.ts'
import {
  type Asking,
  beginLogin,
  type Door,
  finishLogin,
  loginRefusal,
  logOut,
  reasonOf,
  type Step,
  type StepParts,
} from './steps.ts'

export interface LoginParts {
  policy: PolicyInForce
  clock: Clock
  log: Log
  counts: LoginCounts
  /** The client's secret, or why it cannot be read. */
  readSecret(file: string): { status: 'ok'; text: string } | { status: 'none'; reason: string }
  provider(settings: OidcLogin, secret: string): LoginProvider
  next: Stage
  refuse: (exchange: Exchange, failure: Failure) => void
}

interface InForce {
  settings: OidcLogin
  removal: Removal | undefined
  /** Undefined: the secret cannot be read, so nobody can log in. */
  door: Door | undefined
}

const SESSIONS_MAX = 10_000
const HELD_MAX = 1000

/** The stage that lets browsers in once they have logged in. A gateway without a login passes everything on. */
export function createLogin(parts: LoginParts): Stage {
  const login = new Login(parts)
  parts.policy.onReplace(policy => login.goBy(policy))
  return exchange => login.take(exchange)
}

class Login {
  readonly #parts: LoginParts
  readonly #known = knownTokens<Sealed, Seals>(SESSIONS_MAX)
  #inForce: InForce | undefined = undefined
  #held = 0

  constructor(parts: LoginParts) {
    this.#parts = parts
  }

  goBy({ listener }: Policy): void {
    const settings = listener?.oidc
    // A section that comes again is another object; sessions and what is known of the provider outlast that.
    if (JSON.stringify(settings) === JSON.stringify(this.#inForce?.settings)) return
    this.#inForce = settings && {
      settings,
      removal: removalOf(new Set(Object.values(settings.forward))),
      door: this.#doorOf(settings),
    }
  }

  #doorOf(settings: OidcLogin): Door | undefined {
    const { readSecret, provider, log } = this.#parts
    const secret = readSecret(settings.clientSecretFile)
    if (secret.status === 'none') {
      log.error(`nobody can log in: ${settings.clientSecretFile} cannot be read: ${secret.reason}`)
      return undefined
    }
    return { settings, seals: sealsOf(secret.text, settings.clientId), provider: provider(settings, secret.text) }
  }

  take(exchange: Exchange): void {
    const inForce = this.#inForce
    if (inForce === undefined) {
      this.#parts.next(exchange)
      return
    }
    const { settings } = inForce
    const { request } = exchange
    request.target = normalizePath(request.target)
    removeForwarded(exchange, inForce.removal)
    const path = pathOf(request.target)
    if (path === settings.callbackPath) this.#step(exchange, inForce, finishLogin)
    else if (path === settings.logoutPath) this.#step(exchange, inForce, logOut)
    else if (needsLogin(path, settings.protect, settings.open)) this.#askForSession(exchange, inForce)
    else this.#letIn(exchange, inForce, undefined, undefined)
  }

  #askForSession(exchange: Exchange, inForce: InForce): void {
    const { clock } = this.#parts
    const { door, settings } = inForce
    const sealed = cookiesOf(exchange.request.fields).get(settings.cookie)
    if (door === undefined || sealed === undefined) {
      this.#askToLogIn(exchange, inForce, undefined)
      return
    }
    const { seals } = door
    const known = this.#known.get(keyOf('session', sealed), seals)
    if (known !== undefined && known.endMs > clock.wall()) this.#letIn(exchange, inForce, known, undefined)
    else
      this.#hold(exchange, undefined, async held => {
        const session = await seals.open('session', sealed, clock.wall())
        if (session !== undefined) this.#known.set(keyOf('session', sealed), seals, session)
        if (held.gone || exchange.over) return
        if (session === undefined) this.#askToLogIn(exchange, inForce, held)
        else this.#letIn(exchange, inForce, session, held)
      })
  }

  #letIn(exchange: Exchange, { settings }: InForce, session: Sealed | undefined, held: HeldRequest | undefined): void {
    const { request } = exchange
    request.fields = withoutCookies(request.fields, settings.cookie)
    if (session !== undefined) {
      this.#parts.counts.sessions++
      pushClaims(request.fields, session.value, settings.forward)
    }
    if (held === undefined) this.#parts.next(exchange)
    else held.release(exchange, this.#parts.next)
  }

  /** A person who looks at a page is sent to the provider; a script is told that its session is over. */
  #askToLogIn(exchange: Exchange, inForce: InForce, held: HeldRequest | undefined): void {
    this.#parts.counts.asked++
    const { method, upgrade, fields } = exchange.request
    if (inForce.door === undefined) this.#refuse(exchange, nobodyCan)
    else if (method === 'GET' && upgrade === '' && looksAtPages(fields)) this.#step(exchange, inForce, beginLogin, held)
    else {
      exchange.answerFields = [...(exchange.answerFields ?? []), 'www-authenticate', 'Login realm="gateway"']
      this.#refuse(exchange, loginRefusal('login-needed', 'a login is needed: open this host in a browser', 401))
    }
  }

  #step(
    exchange: Exchange,
    { door }: InForce,
    take: (door: Door, asking: Asking, parts: StepParts) => Promise<Step>,
    already?: HeldRequest | undefined,
  ): void {
    const { clock, counts, log } = this.#parts
    if (door === undefined) {
      this.#refuse(exchange, nobodyCan)
      return
    }
    const { target, fields } = exchange.request
    const failed = (reason: string) => log.warn(`a login failed: ${reason}`)
    this.#hold(exchange, already, async () => {
      const step = await take(door, { target, fields }, { nowMs: clock.wall(), counts, failed })
      if (!exchange.over) this.#answer(exchange, step)
    })
  }

  /** Keeps a request while something is waited for; the work answers it, or lets it go on. */
  #hold(exchange: Exchange, already: HeldRequest | undefined, work: (held: HeldRequest) => Promise<void>): void {
    if (already === undefined && this.#held >= HELD_MAX) {
      this.#refuse(exchange, failure('UO', `${HELD_MAX} requests wait for a login; try again`))
      return
    }
    const held = already ?? new HeldRequest()
    exchange.upstream = held
    this.#held++
    work(held)
      .catch((error: Error) => {
        this.#parts.log.warn(`the login provider cannot be had: ${reasonOf(error)}`)
        this.#refuse(exchange, nobodyCan)
      })
      .finally(() => this.#held--)
  }

  #answer(exchange: Exchange, step: Step): void {
    const cookies = step.cookies.flatMap(cookie => ['set-cookie', cookie])
    if (step.status === 'refused') {
      exchange.answerFields = [...(exchange.answerFields ?? []), ...cookies]
      this.#refuse(exchange, step.failure)
      return
    }
    const fields: Fields = ['location', step.location, 'cache-control', 'no-store', 'content-length', '0', ...cookies]
    exchange.upstream = undefined
    exchange.route = 'login'
    exchange.respond({ status: 302, reason: '', fields, contentLength: 0, hasBody: false, upgrade: '' })
    exchange.responseEnd(this.#parts.clock.now(), null)
  }

  #refuse(exchange: Exchange, cause: Failure): void {
    exchange.upstream = undefined
    this.#parts.refuse(exchange, cause)
  }
}

const nobodyCan = loginRefusal('login-unavailable', 'nobody can log in here now; try again later', 503)

function looksAtPages(fields: Fields): boolean {
  return fieldOf(fields, 'accept')?.includes('text/html') === true
}
