import type { Status } from '../../control/api/status-schema.ts'
import type { Decision } from '../../protocol/decision.ts'
import { AskError, followJson, getJson, postJson } from '../ask/client.ts'
import { type RunFile, readRunFile } from '../run-file.ts'

/** What a scene plays on: the mesh that is up in this folder, and words to the person who watches. */
export interface Stage {
  mesh: RunFile
  say(text: string): void
  status(): Promise<Status>
  /** Sets or clears (undefined) the fault switch of an application. */
  fault(instance: string, fault: { errorRate: number; delayMs?: number } | undefined): Promise<void>
  instancesOf(service: string, version: string): string[]
  /** The first decision from now on that fits; an AskError when none comes in time. */
  decision(fits: (decision: Decision) => boolean, withinMs: number): Promise<Decision>
  /** Asks until it holds, or says what was still seen when time ran out. */
  until<T>(what: string, ask: () => Promise<T>, holds: (value: T) => boolean, withinMs: number): Promise<T>
  /** Whether the collector knows a trace. */
  hasTrace(traceId: string): Promise<boolean>
}

const ASK_EVERY_MS = 20

export function openStage(dataDirectory: string, say: (text: string) => void): Stage {
  const mesh = readRunFile(dataDirectory)
  if (mesh === undefined)
    throw new AskError(
      `no mesh is up with its data in ${dataDirectory}: start it with \`npm start\` in another terminal`,
    )
  const control = mesh.urls['control']!
  const status = () => getJson<Status>(new URL('/v1/status', control))
  return {
    mesh,
    say,
    status,
    async fault(instance, fault) {
      const app = mesh.processes.find(process => process.kind === 'app' && process.instance === instance)
      if (app === undefined) throw new AskError(`no application ${instance} is up`)
      await postJson(app.urls['faults']!, fault === undefined ? { errorRate: 0, delayMs: 0 } : { delayMs: 0, ...fault })
    },
    instancesOf: (service, version) =>
      mesh.processes
        .filter(process => process.kind === 'app' && process.service === service && process.version === version)
        .map(({ instance }) => instance!),
    decision: (fits, withinMs) => nextDecision(control, fits, withinMs),
    until,
    async hasTrace(traceId) {
      try {
        return (await getJson<unknown[]>(`${mesh.urls['collector']}/api/v2/trace/${traceId}`)).length > 0
      } catch {
        return false
      }
    },
  }
}

async function nextDecision(
  control: string,
  fits: (decision: Decision) => boolean,
  withinMs: number,
): Promise<Decision> {
  const done = new AbortController()
  const timer = setTimeout(() => done.abort(), withinMs)
  let found: Decision | undefined
  try {
    await followJson(
      new URL('/v1/decisions/stream', control),
      value => {
        const decision = value as Decision
        if (found !== undefined || !fits(decision)) return
        found = decision
        done.abort()
      },
      done.signal,
    )
  } catch (error) {
    if (!done.signal.aborted) throw error
  } finally {
    clearTimeout(timer)
  }
  if (found === undefined)
    throw new AskError(`no such decision came within ${withinMs / 1000} s: see trimtab decisions, trimtab status`)
  return found
}

async function until<T>(
  what: string,
  ask: () => Promise<T>,
  holds: (value: T) => boolean,
  withinMs: number,
): Promise<T> {
  const endMs = performance.now() + withinMs
  for (;;) {
    const value = await ask()
    if (holds(value)) return value
    if (performance.now() > endMs)
      throw new AskError(
        `${what} did not come within ${withinMs / 1000} s; last seen: ${JSON.stringify(value).slice(0, 500)}`,
      )
    await new Promise(resolve => setTimeout(resolve, ASK_EVERY_MS))
  }
}

/** Calls a URL over and over and counts what comes back, until it is told to stop. */
export function watchGateway(
  url: string,
  everyMs: number,
): { stop(): Promise<{ requests: number; failed: number; byBody: Map<string, number> }> } {
  const seen = { requests: 0, failed: 0, byBody: new Map<string, number>() }
  let stopped = false
  const one = async (): Promise<void> => {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(5000) })
      const body = (await answer.text()).slice(0, 100)
      seen.requests++
      if (!answer.ok) seen.failed++
      else seen.byBody.set(body, (seen.byBody.get(body) ?? 0) + 1)
    } catch {
      seen.requests++
      seen.failed++
    }
  }
  const run = async (): Promise<void> => {
    while (!stopped) {
      await one()
      await new Promise(resolve => setTimeout(resolve, everyMs))
    }
  }
  const running = run()
  return {
    async stop() {
      stopped = true
      await running
      return seen
    },
  }
}
