// Hot path: every accepted byte passes `encodeRecord` and, once per shipper, `decodeRecords`.

import { crc32 } from 'node:zlib'

/** What a record holds; its payload is always JSON lines, each ended by a newline. */
export const recordKinds = { probe: 0, span: 1, traffic: 2, decision: 3 } as const
export type RecordKind = keyof typeof recordKinds
/** What is kept for asking. A probe is written only to find out whether the disk takes bytes again. */
export type Signal = Exclude<RecordKind, 'probe'>

const kindNames = Object.fromEntries(Object.entries(recordKinds).map(([name, number]) => [number, name])) as Record<
  number,
  RecordKind
>

export interface LogRecord {
  kind: RecordKind
  /** How many items (lines) the payload holds. */
  count: number
  payload: Buffer
}

/** A segment begins with these eight bytes, so that another file put into the directory is not taken for one. */
export const SEGMENT_MAGIC = Buffer.from('TRIMLOG1')
export const RECORD_HEADER_BYTES = 16

/**
 * One record as bytes: payload length u32, crc32 u32 (of the rest of the header and the payload), count u32, kind u8, three zeros;
 * little endian. Sixteen zero bytes, as a file system may leave at the end of a file after a crash, are no valid header.
 */
export function encodeRecord({ kind, count, payload }: LogRecord): Buffer[] {
  const header = Buffer.allocUnsafe(RECORD_HEADER_BYTES)
  header.writeUInt32LE(payload.length, 0)
  header.writeUInt32LE(count, 8)
  header.writeUInt32LE(recordKinds[kind], 12)
  header.writeUInt32LE(crc32(payload, crc32(header.subarray(8))), 4)
  return [header, payload]
}

export interface Decoded {
  records: LogRecord[]
  /** Bytes that the records took, from the start of the buffer. */
  bytes: number
  /** `torn`: what follows is no whole record (yet). `corrupt`: it is whole, and not what was written. */
  rest: 'none' | 'torn' | 'corrupt'
  /** How many bytes the record that is not whole takes, as far as its header is known. */
  wantedBytes: number
}

/** Reads records from the start of a buffer until its end, `itemsMax` items, or the first that is not whole and sound. Copies nothing. */
export function decodeRecords(buffer: Buffer, itemsMax: number): Decoded {
  const records: LogRecord[] = []
  let at = 0
  let items = 0
  while (at < buffer.length && (items === 0 || items < itemsMax)) {
    if (buffer.length - at < RECORD_HEADER_BYTES)
      return { records, bytes: at, rest: 'torn', wantedBytes: RECORD_HEADER_BYTES }
    const { kind, count, end, crc } = headerAt(buffer, at)
    if (kind === undefined) return { records, bytes: at, rest: 'corrupt', wantedBytes: 0 }
    if (end > buffer.length) return { records, bytes: at, rest: 'torn', wantedBytes: end - at }
    if (crc32(buffer.subarray(at + 8, end)) !== crc) return { records, bytes: at, rest: 'corrupt', wantedBytes: 0 }
    records.push({ kind, count, payload: buffer.subarray(at + RECORD_HEADER_BYTES, end) })
    items += count
    at = end
  }
  return { records, bytes: at, rest: 'none', wantedBytes: 0 }
}

/** What a header says, unchecked. `end`: where its record ends in the buffer's own count of bytes. */
export function headerAt(buffer: Buffer, at: number) {
  return {
    end: at + RECORD_HEADER_BYTES + buffer.readUInt32LE(at),
    crc: buffer.readUInt32LE(at + 4),
    count: buffer.readUInt32LE(at + 8),
    kind: kindNames[buffer.readUInt32LE(at + 12)],
  }
}
