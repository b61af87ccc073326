import { type Static, Type } from 'typebox'

const FAULT_DELAY_MS_MAX = 30_000

/** What a person posts to the fault switch. */
export const FaultOrder = Type.Object(
  {
    errorRate: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    delayMs: Type.Optional(Type.Number({ minimum: 0, maximum: FAULT_DELAY_MS_MAX })),
    endpoint: Type.Optional(Type.String({ pattern: '^/', maxLength: 256 })),
  },
  { additionalProperties: false },
)
export type FaultOrder = Static<typeof FaultOrder>

/** The faults in force. `endpoint` undefined: every route that is not the service's own plumbing. */
export interface FaultPlan {
  errorRate: number
  delayMs: number
  endpoint: { kind: 'route' | 'prefix'; value: string } | undefined
}

export const NO_FAULTS: FaultPlan = { errorRate: 0, delayMs: 0, endpoint: undefined }

export interface Fault {
  /** 0: answer without delay. */
  delayMs: number
  failing: boolean
}

export type FaultPlanReading = { status: 'planned'; plan: FaultPlan } | { status: 'refused'; reason: string }

/** An endpoint that is one of the service's route patterns means that route alone; any other is a path prefix. */
export function planFaults(order: FaultOrder, routes: ReadonlySet<string>): FaultPlanReading {
  if (order.errorRate === undefined && order.delayMs === undefined) {
    return { status: 'refused', reason: 'neither errorRate nor delayMs is given, so there is nothing to inject' }
  }
  const { errorRate = 0, delayMs = 0, endpoint } = order
  const scope = endpoint === undefined ? undefined : scopeOf(endpoint, routes)
  return { status: 'planned', plan: { errorRate, delayMs, endpoint: scope } }
}

function scopeOf(value: string, routes: ReadonlySet<string>): NonNullable<FaultPlan['endpoint']> {
  return { kind: routes.has(value) ? 'route' : 'prefix', value }
}

/**
 * The fault for one request, or undefined.
 * @param random uniform in [0, 1); drawn only where the answer depends on it
 */
export function decideFault(plan: FaultPlan, route: string, path: string, random: () => number): Fault | undefined {
  if (plan.errorRate === 0 && plan.delayMs === 0) return undefined
  if (plan.endpoint?.kind === 'route' && plan.endpoint.value !== route) return undefined
  if (plan.endpoint?.kind === 'prefix' && !path.startsWith(plan.endpoint.value)) return undefined
  const failing = plan.errorRate > 0 && random() < plan.errorRate
  return failing || plan.delayMs > 0 ? { delayMs: plan.delayMs, failing } : undefined
}
