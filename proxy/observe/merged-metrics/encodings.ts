import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import { encodeSteps } from '../../../protocol/prometheus/encode.ts'
import type { Family } from '../../../protocol/prometheus/family.ts'
import type { ExpositionFormat } from '../../../protocol/prometheus/format.ts'
import type { Slices } from './slices.ts'

/** One merge as bytes; each form is made once, when first asked for. */
export interface Encodings {
  bytes(format: ExpositionFormat, gzipped: boolean): Promise<Buffer>
}

const compress = promisify(gzip)
/** The scraper is near, and its CPU and ours are dearer than the network. */
const compression = { level: constants.Z_BEST_SPEED }

export function encodings(families: readonly Family[], slices: Slices): Encodings {
  const made = new Map<string, Promise<Buffer>>()
  const once = (key: string, make: () => Promise<Buffer>): Promise<Buffer> => {
    const already = made.get(key)
    if (already) return already
    const making = make()
    made.set(key, making)
    return making
  }
  const plain = (format: ExpositionFormat) => once(format, () => encodeInSlices(families, format, slices))
  return {
    bytes: (format, gzipped) =>
      gzipped ? once(`${format} gzip`, async () => compress(await plain(format), compression)) : plain(format),
  }
}

async function encodeInSlices(families: readonly Family[], format: ExpositionFormat, slices: Slices): Promise<Buffer> {
  const chunks: Buffer[] = []
  await slices.run(encodeSteps(families, format), chunk => chunks.push(chunk))
  return Buffer.concat(chunks)
}
