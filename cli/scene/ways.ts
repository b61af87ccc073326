import { AskError } from '../ask/client.ts'
import { type Stage, watchGateway } from './stage.ts'

const VERSION_PATH = '/api/report/expense/version'

/** The weights at work: the same request over and over, counted by the version that answered. */
export async function split(stage: Stage): Promise<void> {
  const url = `${stage.mesh.urls['gateway']}${VERSION_PATH}`
  stage.say(`Calling ${url} 400 times ...`)
  const byBody = new Map<string, number>()
  for (let i = 0; i < 400; i++) {
    const body = await (await fetch(url)).text()
    byBody.set(body, (byBody.get(body) ?? 0) + 1)
  }
  for (const [body, count] of [...byBody].sort()) stage.say(`  ${String(count).padStart(3)} answers: ${body}`)
  const status = await stage.status()
  const versions = status.services.find(({ service }) => service === 'expense')?.versions ?? []
  stage.say(
    `Weights in force: ${versions.map(({ version, weight }) => `${version} ${weight}`).join(', ')}. Change them in the mesh file while this runs; no request is lost.`,
  )
}

/** Routes by header: the same path, another version. */
export async function route(stage: Stage): Promise<void> {
  const trip = `${stage.mesh.urls['gateway']}/api/report/trip/d7fd4bf6-aeb9-45a0-b671-85dfc4d095aa`
  const version = `${stage.mesh.urls['gateway']}${VERSION_PATH}`
  stage.say(`x-debug: 1 goes to report v3, which alone adds totalReimbursable:`)
  for (let i = 0; i < 5; i++) {
    const answer = (await (await fetch(trip, { headers: { 'x-debug': '1' } })).json()) as Record<string, unknown>
    if (!('totalReimbursable' in answer))
      throw new AskError(`an answer without totalReimbursable: ${JSON.stringify(answer).slice(0, 200)}`)
  }
  stage.say('  5 of 5 answers have it.')
  stage.say('x-request-id: abc (a letter first) goes to expense v2:')
  const seen = new Set<string>()
  for (let i = 0; i < 10; i++)
    seen.add(await (await fetch(version, { headers: { 'x-request-id': `scene-${i}` } })).text())
  stage.say(`  10 answers, all of them: ${[...seen].join(', ')}`)
  if (seen.size !== 1) throw new AskError('more than one version answered')
}

/** Control is killed with -9: traffic goes on with the last weights; it comes back and goes on where it was. */
export const controlDown = (stage: Stage): Promise<void> =>
  killed(stage, 'control', 'Traffic goes on with the last weights, nothing is judged meanwhile.')

/** The collector is killed with -9: traffic goes on, proxies keep spans and reports for it, control freezes and says so. */
export const collectorDown = (stage: Stage): Promise<void> =>
  killed(stage, 'collector', 'Proxies keep their spans for it; control has no telemetry and freezes every weight.')

async function killed(stage: Stage, name: 'control' | 'collector', what: string): Promise<void> {
  const { pid } = stage.mesh.processes.find(process => process.name === name)!
  const watch = watchGateway(`${stage.mesh.urls['gateway']}${VERSION_PATH}`, 10)
  const epochBefore = (await stage.status()).epoch
  stage.say(`kill -9 ${pid} (${name}). ${what}`)
  try {
    process.kill(pid!, 'SIGKILL')
  } catch (error) {
    await watch.stop()
    throw new AskError(
      `${name} (pid ${pid}) cannot be killed: ${(error as Error).message}; was it killed before? Start the mesh anew`,
    )
  }
  const startedMs = performance.now()
  const status = await stage.until(
    `${name} back`,
    () => stage.status().catch(() => undefined),
    found =>
      found !== undefined &&
      performance.now() - startedMs > 1000 &&
      found.data !== 'dark' &&
      found.collectors.every(({ connected }) => connected) &&
      found.proxies.notInStep.length === 0,
    60_000,
  )
  const { requests, failed } = await watch.stop()
  stage.say(
    `${name} is back and all ${status!.proxies.known} proxies with it after ${((performance.now() - startedMs) / 1000).toFixed(1)} s; epoch ${epochBefore} before, ${status!.epoch} now.`,
  )
  stage.say(`${failed} of ${requests} requests failed meanwhile.`)
  if (failed > 0) throw new AskError('requests failed although every proxy and application was there')
}
