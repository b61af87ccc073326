import type { Span } from '../../protocol/span.ts'

/** What a search asks for. A trace fits when one of its spans fits all of it. Times in microseconds since 1970. */
export interface Criteria {
  service?: string
  remoteService?: string
  name?: string
  /** Key to value; '' asks only that the key is there, as a tag or as an annotation's value. */
  tags: ReadonlyMap<string, string>
  minDurationUs?: number
  maxDurationUs?: number
  fromUs: number
  toUs: number
  limit: number
}

export function spanFits(span: Span, criteria: Criteria): boolean {
  const { service, remoteService, name, minDurationUs, maxDurationUs } = criteria
  const atUs = span.timestamp ?? 0
  if (atUs !== 0 && (atUs < criteria.fromUs || atUs > criteria.toUs)) return false
  if (service !== undefined && span.localEndpoint?.serviceName !== service) return false
  if (remoteService !== undefined && span.remoteEndpoint?.serviceName !== remoteService) return false
  if (name !== undefined && span.name !== name) return false
  if (minDurationUs !== undefined && (span.duration ?? 0) < minDurationUs) return false
  if (maxDurationUs !== undefined && (span.duration ?? 0) > maxDurationUs) return false
  for (const [key, value] of criteria.tags) if (!tagFits(span, key, value)) return false
  return true
}

function tagFits(span: Span, key: string, value: string): boolean {
  const tags = span.tags ?? {}
  if (value !== '') return Object.hasOwn(tags, key) && tags[key] === value
  return Object.hasOwn(tags, key) || (span.annotations?.some(annotation => annotation.value === key) ?? false)
}

/** `{condition, parameters}` for a WHERE over the table `spans`; values are bound, never written into the text. */
export function whereOf(criteria: Criteria): { where: string; parameters: Record<string, string | number> } {
  const conditions = [
    'time >= fromUnixTimestamp64Micro({fromUs:Int64})',
    'time <= fromUnixTimestamp64Micro({toUs:Int64})',
  ]
  const parameters: Record<string, string | number> = { fromUs: criteria.fromUs, toUs: criteria.toUs }
  const add = (condition: string, name: string, value: string | number | undefined): void => {
    if (value === undefined) return
    conditions.push(condition)
    parameters[name] = value
  }
  add('service = {service:String}', 'service', criteria.service)
  add('remoteService = {remoteService:String}', 'remoteService', criteria.remoteService)
  add('name = {name:String}', 'name', criteria.name)
  add('duration >= {minDurationUs:UInt64}', 'minDurationUs', criteria.minDurationUs)
  add('duration <= {maxDurationUs:UInt64}', 'maxDurationUs', criteria.maxDurationUs)
  let index = 0
  for (const [key, value] of criteria.tags) {
    const [keyName, valueName] = [`key${index}`, `value${index}`]
    index++
    parameters[keyName] = key
    if (value === '') {
      conditions.push(
        `(mapContains(tags, {${keyName}:String}) OR arrayExists(a -> a.value = {${keyName}:String}, annotations))`,
      )
    } else add(`tags[{${keyName}:String}] = {${valueName}:String}`, valueName, value)
  }
  return { where: conditions.join(' AND '), parameters }
}
