import { type Logger, pino } from 'pino'
import { lineWriter } from '../../runtime/log.ts'

/** JSON lines on stdout, the level as a word, the time as ISO 8601. */
export function createLog(service: string, version: string): Logger {
  const options = {
    base: { service, version, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return pino(options, lineWriter(1))
}
