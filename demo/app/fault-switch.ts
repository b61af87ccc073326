import { setTimeout as sleep } from 'node:timers/promises'
import { trace } from '@opentelemetry/api'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { fail } from './failures.ts'
import { decideFault, FaultOrder, type FaultPlan, NO_FAULTS, planFaults } from './fault-plan.ts'
import type { Metrics } from './metrics.ts'
import { pathOf } from './observe.ts'

export interface FaultSwitchSettings {
  routes: ReadonlySet<string>
  /** uniform in [0, 1) */
  random: () => number
  /** Aborted when the service stops: a request held up by a fault must not hold up the end. */
  stopping: AbortSignal
}

/** `POST /faults` sets the faults in force, `GET` shows them, `DELETE` ends them. One plan at a time; the last one counts. */
export function addFaultSwitch(app: FastifyInstance, settings: FaultSwitchSettings, metrics: Metrics): void {
  let plan: FaultPlan = NO_FAULTS

  app.addHook('preHandler', async (request, reply) => {
    const route = request.routeOptions.url
    if (route === undefined || request.routeOptions.config.plumbing === true) return
    const fault = decideFault(plan, route, pathOf(request.url), settings.random)
    if (fault === undefined) return
    trace.getSpan(request.traceContext)?.setAttribute('fault.injected', true)
    if (fault.delayMs > 0) {
      metrics.faultInjected('delay')
      await delayWhileWanted(fault.delayMs, reply, settings.stopping)
    }
    if (!fault.failing) return
    metrics.faultInjected('error')
    const message = `This 500 was injected by the fault switch (errorRate ${plan.errorRate}). DELETE /faults ends it.`
    return fail(reply, 500, 'injected-fault', message)
  })

  const plumbing = { config: { plumbing: true } }
  app.get('/faults', plumbing, () => describePlan(plan))
  app.delete('/faults', plumbing, () => {
    plan = NO_FAULTS
    return describePlan(plan)
  })
  app.post<{ Body: FaultOrder }>('/faults', { ...plumbing, schema: { body: FaultOrder } }, (request, reply) => {
    const reading = planFaults(request.body, settings.routes)
    if (reading.status === 'refused') return fail(reply, 400, 'bad-request', `No fault was set: ${reading.reason}.`)
    plan = reading.plan
    return reply.send(describePlan(plan))
  })
}

function describePlan({ errorRate, delayMs, endpoint }: FaultPlan): object {
  return { errorRate, delayMs, endpoint: endpoint?.value ?? null, endpointIs: endpoint?.kind ?? null }
}

/** Waits, and no longer than the caller does: a delay for somebody who has left would pile up. */
async function delayWhileWanted(delayMs: number, reply: FastifyReply, stopping: AbortSignal): Promise<void> {
  const left = new AbortController()
  const leave = () => left.abort()
  reply.raw.once('close', leave)
  await sleep(delayMs, undefined, { signal: AbortSignal.any([left.signal, stopping]) }).catch(() => undefined)
  reply.raw.off('close', leave)
}
