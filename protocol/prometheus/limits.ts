/** What one exposition may hold. A body beyond a limit is refused whole: half a body would be wrong numbers, not fewer. */
export interface ExpositionLimits {
  samples: number
  families: number
  /** UTF-16 units. A line is read in one go. */
  lineLength: number
  /** Of one sample or exemplar. */
  labels: number
  /** UTF-16 units, of a metric name or label name. */
  nameLength: number
  /** UTF-16 units, before escapes are undone. */
  labelValueLength: number
  /** UTF-16 units. */
  helpLength: number
}

export const defaultExpositionLimits: ExpositionLimits = {
  samples: 200_000,
  families: 20_000,
  lineLength: 262_144,
  labels: 64,
  nameLength: 512,
  labelValueLength: 16_384,
  helpLength: 16_384,
}
