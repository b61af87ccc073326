/** JSON text in one line that UTF-8 can say: half surrogate pairs become U+FFFD, since ClickHouse would refuse their row. */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value)
  if (!text.includes('\\ud')) return text
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'string' ? inner.toWellFormed() : inner))
}
