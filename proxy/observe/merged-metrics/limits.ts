import { defaultExpositionLimits, type ExpositionLimits } from '../../../protocol/prometheus/limits.ts'

/** What a scrape may take. Everything that comes from the network is bounded here. */
export interface MergedMetricsLimits {
  /** Of one source's answer, compressed and uncompressed. */
  bodyBytes: number
  exposition: ExpositionLimits
  /** A scraper's timeout beyond this is taken as this. */
  deadlineMsMax: number
  /** `name[]` parameters of one request. */
  nameFilters: number
  /** Gatherings with filters of their own at one time; beyond them all sources are asked once, unfiltered, for everyone. */
  gatherings: number
  /** Connections to the endpoint at one time. */
  connections: number
}

export const defaultMergedMetricsLimits: MergedMetricsLimits = {
  bodyBytes: 16 * 1024 * 1024,
  exposition: defaultExpositionLimits,
  deadlineMsMax: 120_000,
  nameFilters: 256,
  gatherings: 8,
  connections: 64,
}
