import type { AllowRule } from './config.ts'
import { anyGateway } from './cross.ts'
import type { ServiceWritten } from './schema.ts'

type Written = NonNullable<ServiceWritten['allow']>[number]

/** One `allow` rule with its callers spelled out. */
export function resolveAllow(rule: Written, gateways: readonly string[]): AllowRule {
  const { from, methods = [], path, pathPrefix, pathRegex } = rule
  return {
    from,
    sources: from === '*' ? '*' : from === anyGateway ? [...gateways] : [from],
    methods,
    ...(path === undefined ? {} : { path }),
    ...(pathPrefix === undefined ? {} : { pathPrefix }),
    ...(pathRegex === undefined ? {} : { pathRegex }),
  }
}
