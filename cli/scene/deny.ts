import { request } from 'undici'
import { AskError, getJson } from '../ask/client.ts'
import { explained } from '../ask/explained.ts'
import { describe } from '../ask/explained-text.ts'
import type { Stage } from './stage.ts'

const TRIP = '/api/expense/trip/d7fd4bf6-aeb9-45a0-b671-85dfc4d095aa'
const COUNTED_MS = 10_000

/** Who may call whom: report may read trips of expense and not delete them, and everybody is told why. */
export async function deny(stage: Stage): Promise<void> {
  const report = stage.mesh.processes.find(({ kind, service }) => kind === 'sidecar' && service === 'report')
  const outbound = report?.urls['outbound']
  const control = stage.mesh.urls['control']
  if (report === undefined || outbound === undefined || control === undefined)
    throw new AskError('no sidecar of report is up: this scene is played on the demo mesh (npm start)')
  stage.say(`Asking through the sidecar of ${report.instance ?? 'report'}, as the application beside it would.`)

  const read = await call(outbound, 'GET')
  stage.say(`GET ${TRIP}: ${read.status}.`)
  if (read.status >= 400) throw new AskError(`report may not read a trip: ${read.body.slice(0, 500)}`)

  const before = await denials(stage)
  const written = await call(outbound, 'DELETE')
  stage.say(`DELETE ${TRIP}: ${written.status}, x-trimtab-reason: ${written.reason}.`)
  if (written.status !== 403 || written.reason !== 'denied')
    throw new AskError(`it should have been denied: ${written.status} ${written.body.slice(0, 500)}`)
  stage.say(`  ${(JSON.parse(written.body) as { message: string }).message}`)

  stage.say('The same without asking for it (trimtab explain DELETE ... --from report --to expense):')
  const question = { method: 'DELETE', url: TRIP, from: 'report', to: 'expense', headers: [], claims: undefined }
  const told = await explained({ url: control, token: undefined }, question)
  for (const line of describe(told, false).split('\n')) stage.say(`  ${line}`)
  if (told.call?.verdict !== 'deny') throw new AskError('explain says something else than the proxy did')

  await stage.until(
    'the denial in the metrics',
    () => denials(stage),
    count => count > before,
    COUNTED_MS,
  )
  stage.say('Counted by the proxies of expense: trimtab_intention_requests_total{action="deny"}.')
}

async function call(outbound: string, method: 'GET' | 'DELETE') {
  const answer = await request(`${outbound}${TRIP}`, { method, headers: { host: 'expense' } })
  const reason = answer.headers['x-trimtab-reason']
  return { status: answer.statusCode, reason: String(reason ?? ''), body: await answer.body.text() }
}

/** Denials that the proxies of expense have counted. */
async function denials(stage: Stage): Promise<number> {
  const sidecars = stage.mesh.processes.filter(({ kind, service }) => kind === 'sidecar' && service === 'expense')
  const counts = await Promise.all(
    sidecars.map(async ({ urls }) => {
      const { stats } = await getJson<{ stats: { name: string; value: number }[] }>(
        `${urls['admin']}/stats?format=json&filter=trimtab_intention_requests`,
      )
      return stats.filter(({ name }) => name.includes('action="deny"')).reduce((sum, { value }) => sum + value, 0)
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}
