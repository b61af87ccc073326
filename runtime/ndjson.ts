import { StringDecoder } from 'node:string_decoder'

export interface LineSplitter {
  /** Takes the next bytes; calls `onLine` for each complete line. Returns false once a line went over the limit: stop feeding. */
  feed(chunk: Buffer): boolean
}

/** Splits a byte stream into lines. A line longer than `lineBytesMax` ends it: `onOverflow` is called once. Empty lines are skipped. */
export function lineSplitter(
  lineBytesMax: number,
  onLine: (line: string) => void,
  onOverflow: () => void,
): LineSplitter {
  const decoder = new StringDecoder('utf8')
  let pending = ''
  let overflowed = false
  const overflow = (): false => {
    overflowed = true
    pending = ''
    onOverflow()
    return false
  }
  return {
    feed(chunk) {
      if (overflowed) return false
      const text = decoder.write(chunk)
      let from = 0
      for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
        if (pending.length + at - from > lineBytesMax) return overflow()
        const line = pending + text.slice(from, at)
        pending = ''
        from = at + 1
        if (line.length > 0 && line !== '\r') onLine(line)
      }
      pending += text.slice(from)
      return pending.length <= lineBytesMax || overflow()
    },
  }
}
