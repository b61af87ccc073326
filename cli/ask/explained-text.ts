import { styleText } from 'node:util'
import type { Explained } from './explained.ts'

/** What a person reads: a word at the left, what it comes to at its right. */
export function describe(told: Explained, colours: boolean): string {
  const row = (word: string, value: string) =>
    `${colours ? styleText('bold', word.padEnd(10)) : word.padEnd(10)} ${value}`
  const by = [
    told.route && `as ${told.route.by} routes it, policy epoch ${told.route.epoch}`,
    told.call && `as ${told.call.by} judges it, policy epoch ${told.call.epoch}`,
  ].filter(line => line !== undefined)
  const notAsked = told.notAsked.map(line => row('not asked', line))
  return [...routeRows(told, row), ...callRows(told, row), ...notAsked, ...by].join('\n')
}

type Row = (word: string, value: string) => string

function routeRows({ route, notAsked }: Explained, row: Row): string[] {
  if (route === undefined)
    return notAsked.length > 0 ? [] : [row('route', 'no proxy of the caller is connected: nobody routes it')]
  if (route.status === 'refused')
    return [row('refused', `${refusedWith(route)} (${route.flag} ${route.reason}): ${route.detail}`)]
  const { versions, endpoints, retries, timeoutMs } = route
  const shares = Object.entries(versions).map(([version, share]) => `${version} ${(100 * share).toFixed(1)} %`)
  return [
    row(
      'service',
      route.protocol === 'tcp'
        ? `${route.service} (tcp)`
        : `${route.service} (route ${route.route}, path ${route.path})`,
    ),
    row('version', `${shares.join(', ') || 'none has weight'}, chosen by ${route.chosenBy}`),
    ...endpoints.map(({ id, address, version, health }) => row('endpoint', `${id} ${address} ${version} ${health}`)),
    row('timeout', timeoutMs === 0 ? 'none' : `${timeoutMs} ms`),
    row(
      'retries',
      retries.attempts === 0
        ? 'off'
        : `${retries.attempts} on ${route.protocol === 'tcp' ? 'connect-failure' : retries.on.join(', ')}`,
    ),
  ]
}

function refusedWith({ protocol, httpStatus }: { protocol: 'http' | 'tcp'; httpStatus: number }): string {
  return protocol === 'tcp' ? 'by closing the connection' : `with ${httpStatus}`
}

function callRows({ route, call, notAsked }: Explained, row: Row): string[] {
  if (call === undefined) {
    if (notAsked.length > 0) return []
    const asked = route?.status === 'routed' ? `no proxy of ${route.service} judges it` : 'nobody is asked to judge it'
    return [row('intention', asked)]
  }
  const place = call.line > 0 ? ` (${call.file}:${call.line})` : ''
  const denied = call.protocol === 'tcp' ? 'the connection is reset' : `denied with ${call.httpStatus}`
  const verdict = call.verdict === 'allow' ? 'allowed' : denied
  const dryRun = call.dryRun.length === 0 ? [] : [row('dry-run', `${call.dryRun.join(', ')} would have decided`)]
  return [row('intention', `${verdict} by ${call.intention || 'nobody'}${place}: ${call.reason}`), ...dryRun]
}
