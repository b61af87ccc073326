import type { CallExplanation } from '../../proxy/authorize/explain.ts'
import type { Explanation } from '../../proxy/route/explain.ts'
import { AskError, getJson, NotReached } from './client.ts'

/** A request that somebody asks about. */
export interface Asked {
  method: string
  url: string
  from: string
  to: string | undefined
  /** `name:value`. */
  headers: readonly string[]
  claims: string | undefined
}

/** What it would meet on its way, told by those who would carry it. */
export interface Explained {
  /** As the caller's proxy routes it; undefined: none of his is connected, or could be asked. */
  route: (Explanation & { by: string }) | undefined
  /** As a proxy of who is called judges it; undefined: none is connected, or could be asked, or it goes out of the mesh. */
  call: (CallExplanation & { by: string; file: string; line: number }) | undefined
  /** Of the proxies that could not be asked from here: who, why, and what to do. */
  notAsked: string[]
}

interface ListedProxy {
  instance: string
  service: string
  kind: 'sidecar' | 'gateway'
  admin: string | null
}

/** Where control is asked, and what opens its door. */
interface ControlDoor {
  url: string
  token: string | undefined
}

/** Asks the proxies at both ends. An AskError when neither is there. */
export async function explained(control: ControlDoor, asked: Asked): Promise<Explained> {
  const { proxies } = await getJson<{ proxies: ListedProxy[] }>(new URL('/v1/proxies', control.url), control.token)
  const proxyOf = (service: string | undefined) =>
    proxies.find(proxy => proxy.service === service && proxy.admin !== null)
  const notAsked: string[] = []
  const caller = proxyOf(asked.from)
  const toldRoute = caller && (await askProxy<Explanation>(caller, routeQuestion(caller, asked), notAsked))
  const route = toldRoute && { ...toldRoute, by: caller!.instance }
  const routed = route?.status === 'routed' ? route : undefined
  const called = routed?.service ?? asked.to ?? (route === undefined ? hostOf(asked.url) : tcpServiceOf(asked.url))
  // A gateway goes by its routes alone, whatever the Host: whom it does not lead to, it cannot call.
  if (caller?.kind === 'gateway' && routed !== undefined && asked.to !== undefined && asked.to !== routed.service)
    throw new AskError(
      `${asked.from} is a gateway, and its route ${routed.route} leads ${asked.method} ${asked.url} to ${routed.service}, not to ${asked.to}: leave --to out, or say --from ${routed.service}`,
    )
  const callee = proxyOf(called)
  if (caller === undefined && callee === undefined) {
    const names = [...new Set(proxies.map(({ service }) => service))].join(', ') || 'none'
    throw new AskError(`no proxy of ${asked.from} with an admin interface is connected; there are: ${names}`)
  }
  const call =
    callee &&
    (await askProxy<CallExplanation>(callee, callQuestion(callee, asked, urlAtCallee(callee, asked, routed)), notAsked))
  if (route === undefined && call === undefined) throw new AskError(notAsked.join('; '))
  return { route, call: call && { ...call, by: callee!.instance, ...(await placeOf(control, call)) }, notAsked }
}

/** undefined: it cannot be reached from here, which `notAsked` then says. */
async function askProxy<T>(
  { instance, service, admin }: ListedProxy,
  question: URL,
  notAsked: string[],
): Promise<T | undefined> {
  // On another machine, loopback is somebody else's.
  question.searchParams.set('instance', instance)
  try {
    return await getJson<T>(question)
  } catch (error) {
    if (!(error instanceof NotReached)) throw error
    notAsked.push(
      `${instance} of ${service} cannot be asked from here, its admin interface is at ${admin} (${error.why}): ask on its machine, or give it an --admin address that is reached from here`,
    )
    return undefined
  }
}

function routeQuestion(caller: ListedProxy, { method, url, to, headers }: Asked): URL {
  const question = new URL('/explain', `http://${caller.admin}`)
  question.searchParams.set('method', method)
  question.searchParams.set('url', to !== undefined && url.startsWith('/') ? `http://${to}${url}` : url)
  for (const header of headers) question.searchParams.append('header', header)
  return question
}

/** As it arrives there: a rewritten path, or a connection as it is. */
function urlAtCallee(callee: ListedProxy, { url }: Asked, routed: { path: string } | undefined): string {
  if (tcpServiceOf(url) !== undefined) return url
  return `http://${callee.service}${routed?.path ?? pathOf(url)}`
}

function callQuestion(callee: ListedProxy, { method, from, headers, claims }: Asked, target: string): URL {
  const question = new URL('/explain', `http://${callee.admin}`)
  question.searchParams.set('method', method)
  question.searchParams.set('url', target)
  question.searchParams.set('source', from)
  for (const header of headers) question.searchParams.append('header', header)
  if (claims !== undefined) question.searchParams.set('claims', claims)
  return question
}

/** Of tcp://service; undefined of a request. */
function tcpServiceOf(url: string): string | undefined {
  const { protocol, hostname } = new URL(url, 'http://unnamed.invalid')
  return protocol === 'tcp:' ? hostname : undefined
}

/** Whom an absolute URL names; undefined of a path. */
function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname : undefined
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url, 'http://unnamed.invalid')
  return pathname + search
}

/** Where the rule that decides is written; line 0 where that is not known. */
async function placeOf(
  control: ControlDoor,
  { service, intention }: CallExplanation,
): Promise<{ file: string; line: number }> {
  const url = new URL(`/v1/services/${encodeURIComponent(service)}/intentions`, control.url)
  try {
    const { file, rules } = await getJson<{ file: string; rules: { name: string; line: number }[] }>(url, control.token)
    return { file, line: rules.find(({ name }) => name === intention)?.line ?? 0 }
  } catch (error) {
    if (!(error instanceof AskError)) throw error
    return { file: '', line: 0 }
  }
}
