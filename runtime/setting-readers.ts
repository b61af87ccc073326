import { type Address, parseAddress } from './address.ts'
import { logFormats, logLevels } from './log.ts'

import { type Reader, SettingError } from './settings.ts'

export const text: Reader<string> = given => given

export const flag: Reader<boolean> = given => {
  if (['true', '1', 'yes', 'on'].includes(given)) return true
  if (['false', '0', 'no', 'off'].includes(given)) return false
  throw new SettingError('true or false')
}

export const address: Reader<Address> = given => {
  const read = parseAddress(given)
  if (!read) throw new SettingError('host:port such as 127.0.0.1:8080, port 0 for any free one')
  return read
}

export const url: Reader<string> = given => {
  if (!URL.canParse(given) || !/^https?:$/.test(new URL(given).protocol))
    throw new SettingError('a URL such as http://127.0.0.1:9411')
  return given
}

export function integer(min: number, max: number): Reader<number> {
  return given => {
    const value = Number(given)
    if (!/^-?\d+$/.test(given) || value < min || value > max)
      throw new SettingError(`a whole number from ${min} to ${max}`)
    return value
  }
}

export function number(min: number, max: number): Reader<number> {
  return given => {
    const value = Number(given)
    if (given.trim() === '' || !(value >= min && value <= max)) throw new SettingError(`a number from ${min} to ${max}`)
    return value
  }
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Reader<T> {
  return given => {
    if (!(allowed as readonly string[]).includes(given)) throw new SettingError(allowed.join(' | '))
    return given as T
  }
}

const durationUnitsMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `250ms`, `10s`, `1h`: milliseconds. */
export const durationMs: Reader<number> = given => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(given)
  if (!match) throw new SettingError('a duration such as 250ms, 10s, 5m, 1h')
  return Number(match[1]) * durationUnitsMs[match[2] as keyof typeof durationUnitsMs]
}

/** A flag that may come several times; in the environment separated by commas. */
export function listOf<T>(one: Reader<T>): Reader<T[]> {
  const list: Reader<T[]> = given => given.split(',').map(one)
  list.repeats = texts => texts.flatMap(item => item.split(',')).map(one)
  return list
}

/** The settings that every process has. */
export const commonSettings = {
  logLevel: {
    flag: '--log-level <level>',
    describe: `one of ${logLevels.join(' ')}`,
    read: oneOf(...logLevels),
    default: 'info' as const,
  },
  logFormat: {
    flag: '--log-format <format>',
    describe: 'json | pretty',
    read: oneOf(...logFormats),
    default: 'json' as const,
  },
  untilParentGone: {
    flag: '--until-parent-gone',
    describe: 'end when the process that started this one is gone',
    read: flag,
    default: false,
  },
} as const
