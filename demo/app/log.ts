import { type Logger, pino } from 'pino'

/** JSON lines on stdout, the level as a word, the time as ISO 8601. */
export function createLog(service: string, version: string): Logger {
  return pino({
    base: { service, version, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
  })
}
