/** Kept of the scraper's timeout for merging, writing and sending. */
const reserveMs = 500
const withoutTimeoutMs = 5000

/**
 * How long the sources may take, given the scraper's `X-Prometheus-Scrape-Timeout-Seconds`: 0.5 s less than it, half of it when it is
 * shorter than a second, 5 s when it is absent or no number. At most `deadlineMsMax`.
 */
export function sourceDeadlineMs(timeoutSeconds: string | undefined, deadlineMsMax: number): number {
  const timeoutMs = timeoutSeconds === undefined ? Number.NaN : Number(timeoutSeconds) * 1000
  if (!(timeoutMs > 0)) return Math.min(withoutTimeoutMs, deadlineMsMax)
  return Math.min(Math.max(timeoutMs - reserveMs, timeoutMs / 2), deadlineMsMax)
}
