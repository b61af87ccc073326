import { Buffer } from 'node:buffer'

/** The beginning of a body as text, at most `bytesMax` bytes of it, for a message: what a stranger sends is not read to its end. '' when it breaks. */
export async function shortText(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<string> {
  let text = ''
  try {
    for await (const chunk of body) {
      text += Buffer.from(chunk).toString('utf8')
      if (text.length >= bytesMax) break
    }
  } catch {
    // What came before it broke says enough.
  }
  return text.slice(0, bytesMax)
}
