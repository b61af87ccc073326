// Hot path: once per sample of every scrape.
import type { FamilyType, Labels, Sample } from './family.ts'
import { parseValue } from './number.ts'

/**
 * Whether a sample breaks a rule of its family's type that a reader of the merged text would stumble over: a bucket without a numeric
 * `le`, a quantile that is no number, a state without its label, an info that is not 1. Such a family is told as plain series.
 */
export function breaksItsType(type: FamilyType, familyName: string, { suffix, labels, value }: Sample): boolean {
  switch (type) {
    case 'histogram':
    case 'gaugehistogram':
      return suffix === '_bucket' && !isNumeric(labelValue(labels, 'le'))
    case 'summary':
      return suffix === '' && !isNumeric(labelValue(labels, 'quantile'))
    case 'stateset':
      return (value !== 0 && value !== 1) || labelValue(labels, familyName) === undefined
    case 'info':
      return value !== 1
    default:
      return false
  }
}

/**
 * The label that tells the samples of one metric apart: a histogram's `le`, a summary's `quantile`, a stateset's own name.
 * Undefined when a metric of this type has one sample only.
 */
export function innerLabel(type: FamilyType, familyName: string): string | undefined {
  switch (type) {
    case 'histogram':
    case 'gaugehistogram':
      return 'le'
    case 'summary':
      return 'quantile'
    case 'stateset':
      return familyName
    default:
      return undefined
  }
}

export function labelValue(labels: Labels, name: string): string | undefined {
  for (let index = 0; index < labels.length; index += 2) {
    if (labels[index] === name) return labels[index + 1]
  }
  return undefined
}

function isNumeric(text: string | undefined): boolean {
  return text !== undefined && parseValue(text) !== undefined
}
