import type { Status } from '../../control/api/status-schema.ts'
import { getJson } from '../ask/client.ts'
import { type Child, child } from './child.ts'
import type { Plan, ProcessPlan } from './plan.ts'

/** The running demo mesh: starts in the order in which each part needs the others, ends in the opposite one. */
export interface Mesh {
  /** Resolves when every process is ready and the gateway answers through all hops. */
  start(): Promise<void>
  /** Ends every process, for sure, within about `graceMs`. */
  stop(graceMs: number): Promise<void>
  pidOf(name: string): number | undefined
}

export interface MeshParts {
  plan: Plan
  dataDirectory: string
  /** A join token for the proxies, once control is ready. */
  joinToken: () => Promise<string>
  onDeath: (name: string, how: string) => void
  onReturn: (name: string) => void
  onProgress: (what: string) => void
}

const IN_STEP_MS = 20_000
const FIRST_ANSWER_MS = 20_000
const ASK_EVERY_MS = 50

export function createMesh({ plan, dataDirectory, joinToken, onDeath, onReturn, onProgress }: MeshParts): Mesh {
  const children = new Map<string, Child>()
  const env = {
    // What was compiled at the last start: it halves the CPU that a process takes to be ready, and there are fifteen of them.
    NODE_COMPILE_CACHE: `${dataDirectory}/compiled`,
    ...process.env,
    NODE_NO_WARNINGS: '1',
    TRIMTAB_UNTIL_PARENT_GONE: '1',
  }
  const launch = async (processes: readonly ProcessPlan[], more: NodeJS.ProcessEnv = {}): Promise<void> => {
    const started = processes.map(planned => {
      const one = child({
        name: planned.name,
        script: planned.script,
        args: planned.args,
        env: { ...env, ...more },
        logFile: `${dataDirectory}/logs/${planned.name.replaceAll(' ', '-')}.log`,
        isReady: line => ['ready', 'listening', 'started'].includes(String(line['msg'])),
        onDeath,
        onReturn,
      })
      children.set(planned.name, one)
      return one.start()
    })
    await Promise.all(started)
  }
  return {
    async start() {
      onProgress('control and collector')
      await launch([plan.control, plan.collector])
      onProgress(`${plan.apps.length} applications`)
      await launch(plan.apps)
      onProgress(`${plan.sidecars.length} proxies and the gateway`)
      // By the environment: what stands among a process's arguments is read by everybody on the machine.
      await launch([...plan.sidecars, plan.gateway], { TRIMTAB_PROXY_JOIN_TOKEN: await joinToken() })
      onProgress('the first answer')
      await inStep(plan.urls['control']!, plan.sidecars.length + 1)
      await firstAnswer(`${plan.urls['gateway']}/api/report/expense/version`)
      if (plan.load !== undefined) await launch([plan.load])
    },
    async stop(graceMs) {
      // Callers before those they call, so that ending makes no errors; all are told within a moment, the slow ones wait for nobody.
      const order = [plan.load, plan.gateway, ...plan.sidecars, ...plan.apps, plan.control, plan.collector]
      await Promise.all(
        order.map(planned => (planned === undefined ? undefined : children.get(planned.name)?.stop(graceMs))),
      )
    },
    pidOf: name => children.get(name)?.pid,
  }
}

/**
 * Every proxy has its certificate and knows all the others. A request before that would fail, and burn the error budget of a month before
 * anybody has seen the mesh. When it does not come, the first answer says what is missing.
 */
async function inStep(control: string, proxies: number): Promise<void> {
  const until = performance.now() + IN_STEP_MS
  while (performance.now() < until) {
    const { proxies: seen } = await getJson<Status>(new URL('/v1/status', control))
    if (seen.known === proxies && seen.notInStep.length === 0) return
    await new Promise(resolve => setTimeout(resolve, ASK_EVERY_MS))
  }
}

/** Asks until the way stands. */
async function firstAnswer(url: string): Promise<void> {
  const until = performance.now() + FIRST_ANSWER_MS
  let last = 'no answer'
  while (performance.now() < until) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2000) })
      const body = await answer.text()
      if (answer.ok) return
      last = `${answer.status} ${body.slice(0, 300)}`
    } catch (error) {
      last = (error as Error).message
    }
    await new Promise(resolve => setTimeout(resolve, ASK_EVERY_MS))
  }
  throw new Error(`the gateway does not answer ${url}: ${last}`)
}
