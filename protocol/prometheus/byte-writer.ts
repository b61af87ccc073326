// Hot path: every byte of every scrape is written here. Strings put together by `+` would be ten times the exposition in garbage.

const quote = 34
const equals = 61

/** UTF-8 bytes that grow; taken in pieces. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(16 * 1024)
  #length = 0

  /** As it stands. */
  text(text: string): void {
    this.#reserve(text.length)
    this.#length = this.#put(text, this.#length)
  }

  /** With backslash and newline escaped, as in a HELP of text 0.0.4. */
  escaped(text: string): void {
    this.text(escapedText(text))
  }

  /** With backslash, newline and quote escaped, as in a HELP of OpenMetrics. */
  escapedQuoted(text: string): void {
    this.text(escapedText(text).replaceAll('"', '\\"'))
  }

  /** `name="value"`, escaped; one call, for there are many of them. */
  label(name: string, value: string): void {
    // The worst value is all escapes, and has two bytes for each character.
    this.#reserve(name.length + 2 * value.length + 3)
    const bytes = this.#bytes
    let at = this.#put(name, this.#length)
    bytes[at++] = equals
    bytes[at++] = quote
    at = this.#put(inNeedOfEscape.test(value) ? escapedText(value).replaceAll('"', '\\"') : value, at)
    bytes[at++] = quote
    this.#length = at
  }

  /** What was written since the last time. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length))
    this.#length = 0
    return taken
  }

  /** Returns where the text ends. Room for it was reserved. */
  #put(text: string, from: number): number {
    const bytes = this.#bytes
    let at = from
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      // From here on the slow way; in practice a label value now and then.
      if (code > 127) return at + bytes.write(text.slice(index), at)
      bytes[at++] = code
    }
    return at
  }

  /** Room for so many UTF-16 units, none of which takes more than three bytes. */
  #reserve(units: number): void {
    const size = units * 3
    if (this.#length + size <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + size))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}

const inNeedOfEscape = /["\\\n]/

function escapedText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
