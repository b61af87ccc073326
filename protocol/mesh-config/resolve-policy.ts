import type { PassiveHealthCheck } from '../snapshot.ts'
import type { OutlierConfig, ShiftConfig, SloConfig, TelemetryConfig } from './config.ts'
import { known, milliseconds, shareOf } from './resolve-values.ts'
import type { PolicyWritten, TelemetryWritten } from './schema.ts'

type BlockOf<T> = Exclude<T, string | undefined>

/** A block that may be turned off: its meaning, or nothing. */
export function orOff<W extends object, T>(written: W | 'off' | undefined, read: (block: W) => T): T | undefined {
  return written === undefined || written === 'off' ? undefined : read(written)
}

export function resolveEjection(block: BlockOf<PolicyWritten['outlier']>): OutlierConfig {
  return {
    baseEjectionMs: milliseconds(block.baseEjection),
    maxEjectionMs: milliseconds(block.maxEjection),
    maxEjected: shareOf(block.maxEjected),
  }
}

export function resolveFuse(block: BlockOf<PolicyWritten['passiveHealthCheck']>): PassiveHealthCheck {
  return {
    intervalMs: milliseconds(block.interval),
    maxFailures: known(block.maxFailures),
    ...resolveEjection(block),
    panicBelow: shareOf(block.panicBelow),
  }
}

/** Nothing without an objective: a window alone, as `defaults` may set it, promises nothing. */
export function resolveSlo(slo: PolicyWritten['slo']): SloConfig | undefined {
  if (slo === undefined || (slo.availability === undefined && slo.latency === undefined)) return undefined
  const { availability, latency, window } = slo
  return {
    ...(availability === undefined ? {} : { availability: shareOf(availability) }),
    ...(latency === undefined
      ? {}
      : { latency: { underMs: milliseconds(latency.under), share: shareOf(latency.share) } }),
    windowMs: milliseconds(window),
  }
}

export function resolveShift(shift: PolicyWritten['shift']): ShiftConfig {
  const block = typeof shift === 'object' ? shift : {}
  return {
    mode: known(block.mode),
    holdForMs: milliseconds(block.holdFor),
    returnOverMs: milliseconds(block.returnOver),
    maxChangePerMinute: shareOf(block.maxChangePerMinute),
  }
}

export function resolveTelemetry(written: TelemetryWritten): TelemetryConfig {
  const { jaeger, clickhouse } = written
  return {
    sample: shareOf(written.sample),
    ...(jaeger === undefined ? {} : { jaegerUrl: jaeger }),
    ...(clickhouse === undefined ? {} : { clickhouseUrl: clickhouse }),
    sharedSpanContext: known(written.sharedSpanContext),
    outsideContext: known(written.outsideContext),
  }
}
