import { warnIfUnfinished } from './cross-routes.ts'
import { type Path, suggestion } from './problem.ts'
import type { Loose, Report } from './report.ts'
import type { MeshFile, ServiceWritten } from './schema.ts'
import type { RuleWritten } from './schema-intentions.ts'

/** Stands for every gateway in `from`, so nothing may be called so. */
export const anyGateway = 'gateway'

type Rule = Loose<RuleWritten>
type Action = 'allow' | 'deny'

/** Rules of who may call whom: whom they name, where they can be held at all, and whether they can ever fit. */
export function crossCheckIntentions(file: Loose<MeshFile>, report: Report): void {
  const names = new Map<string, string>()
  for (const [name, service] of Object.entries(file.services ?? {})) {
    for (const action of ['allow', 'deny'] as const)
      for (const [index, rule] of (service?.[action] ?? []).entries()) {
        const here = ['services', name, action, index]
        checkRule(here, rule ?? {}, action, file, names, report)
        checkDepth(here, rule ?? {}, name, file, report)
        checkProof(here, rule ?? {}, action, name, file, report)
      }
    checkAnybody(['services', name], name, service ?? {}, file, report)
  }
  for (const [index, rule] of (file.intentions?.rules ?? []).entries()) {
    if (rule === undefined) continue
    const here = ['intentions', 'rules', index]
    checkRule(here, rule, rule.action ?? 'allow', file, names, report)
    const { to } = rule
    if (to === undefined || to === '*') continue
    const services = Object.keys(file.services ?? {})
    if (!services.includes(to))
      report.problem([...here, 'to'], to, () => `a service of this file${suggestion(to, services)}`)
    else {
      checkDepth(here, rule, to, file, report)
      checkProof(here, rule, rule.action ?? 'allow', to, file, report)
    }
  }
}

function checkRule(
  here: Path,
  rule: Rule,
  action: Action,
  file: Loose<MeshFile>,
  names: Map<string, string>,
  report: Report,
): void {
  warnIfUnfinished([...here, 'pathRegex'], rule.pathRegex, report)
  for (const [name, text] of Object.entries(rule.headers ?? {}))
    if (typeof text === 'object') warnIfUnfinished([...here, 'headers', name, 'regex'], text.regex, report)
  for (const [name, text] of Object.entries(rule.jwt?.claims ?? {}))
    if (typeof text === 'object') warnIfUnfinished([...here, 'jwt', 'claims', name, 'regex'], text.regex, report)
  checkFrom([...here, 'from'], rule.from, action, file, report)
  const { name } = rule
  if (name !== undefined && names.has(name))
    report.problem([...here, 'name'], name, `each rule name once: ${names.get(name)} has it already`)
  if (name !== undefined) names.set(name, here.join('.'))
  if (action === 'allow' && rule.jwt !== undefined && rule.dryRun !== true && file.intentions?.default === 'allow')
    report.warning(
      [...here, 'jwt'],
      'intentions allow by default: who comes without the token is let in all the same, unless a less exact rule denies it',
    )
  const provider = rule.jwt?.provider
  const providers = Object.keys(file.jwt ?? {})
  if (provider !== undefined && !providers.includes(provider))
    report.problem(
      [...here, 'jwt', 'provider'],
      provider,
      () => `a provider under jwt${suggestion(provider, providers)}`,
    )
}

function checkFrom(here: Path, from: string | undefined, action: Action, file: Loose<MeshFile>, report: Report): void {
  if (from === undefined || from === '*' || from.startsWith('spiffe:')) return
  const services = file.services ?? {}
  const gateways = Object.keys(file.gateways ?? {})
  if (from === anyGateway) {
    const effect = action === 'allow' ? 'lets nobody in' : 'keeps nobody out'
    if (gateways.length === 0) report.warning(here, `this file has no gateway: the rule ${effect}`)
  } else if (Object.hasOwn(services, from) ? services[from]?.endpoints !== undefined : false)
    report.problem(here, from, 'a caller with an identity: a service outside the mesh has none')
  else if (!Object.hasOwn(services, from) && !gateways.includes(from)) {
    const known = () => [...Object.keys(services), ...gateways]
    report.problem(here, from, () => `a service or gateway of this file${suggestion(from, known())}`)
  }
}

/** What only a proxy that reads requests can see cannot be asked for where none does. */
function checkDepth(here: Path, rule: Rule, name: string, file: Loose<MeshFile>, report: Report): void {
  const service = file.services?.[name] ?? {}
  const narrowing = Object.keys(rule).filter(field => !['from', 'to', 'action', 'name', 'dryRun'].includes(field))
  if (service.endpoints !== undefined) {
    if (rule.dryRun === true) narrowing.push('dryRun')
    if (narrowing.length > 0)
      report.problem(here, narrowing.join(' and '), 'from alone: outside the mesh no proxy looks at methods and paths')
  } else if ((service.protocol ?? file.defaults?.protocol) === 'tcp' && narrowing.length > 0)
    report.problem(here, narrowing.join(' and '), 'from alone: of a tcp service no proxy reads requests')
}

/** In clear text nobody shows who he is: what names a caller then fits nobody, and a rule that closes must not look as if it did. */
function checkProof(here: Path, rule: Rule, action: Action, name: string, file: Loose<MeshFile>, report: Report): void {
  const service = file.services?.[name]
  if (action === 'allow' || rule.from === undefined || rule.from === '*' || service?.endpoints !== undefined) return
  const mtls = mtlsOf(service, file)
  if (mtls === 'off')
    report.problem(
      [...here, 'from'],
      rule.from,
      `"*": ${name} has mtls off, so no caller shows who it is and a rule that turns one of them away never fits`,
    )
  else if (mtls === 'permissive')
    report.warning(
      [...here, 'from'],
      `${name} is permissive: ${rule.from} may call in clear text without showing who it is, and is not turned away then`,
    )
}

/** Whether anybody may call the service at all. */
function checkAnybody(
  path: Path,
  name: string,
  service: Loose<ServiceWritten>,
  file: Loose<MeshFile>,
  report: Report,
): void {
  const over = (file.intentions?.rules ?? []).some(
    rule => rule?.action === 'allow' && (rule.to === '*' || rule.to === name),
  )
  const allows = (service.allow ?? []).length > 0 || over
  const here = [...path, 'allow']
  const denies = (file.intentions?.default ?? 'deny') === 'deny'
  if (denies && !allows)
    report.warning(here, 'intentions deny by default and no rule allows anybody: nobody may call this service')
  else if (allows && service.endpoints === undefined && mtlsOf(service, file) === 'off')
    report.warning(
      here,
      `mtls is off, so no caller shows who it is and no rule that allows one ever fits${denies ? ': nobody may call this service' : ''}`,
    )
}

function mtlsOf(service: Loose<ServiceWritten> | undefined, file: Loose<MeshFile>): string {
  return service?.mtls ?? file.defaults?.mtls ?? 'strict'
}
