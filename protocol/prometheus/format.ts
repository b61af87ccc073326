/** The two text formats of Prometheus: text 0.0.4 and OpenMetrics 1.0. */
export type ExpositionFormat = 'text' | 'openmetrics'

const endMarker = '# EOF'

/**
 * Which format a body is written in. The body is asked first: applications send OpenMetrics under a plain header, and text under no
 * header at all. A body that ends in `# EOF` is OpenMetrics whatever its header says; a header that promises OpenMetrics is believed,
 * so that the missing end then shows as truncation.
 */
export function detectFormat(contentType: string | undefined, body: string): ExpositionFormat {
  if (contentType !== undefined && /^\s*application\/openmetrics-text\b/i.test(contentType)) return 'openmetrics'
  return endsInMarker(body) ? 'openmetrics' : 'text'
}

function endsInMarker(body: string): boolean {
  const tail = body.slice(-64).trimEnd()
  if (!tail.endsWith(endMarker)) return false
  return tail.length === endMarker.length || tail[tail.length - endMarker.length - 1] === '\n'
}

/** Whether a body is a web page: the usual answer of a wrong path or a login in the way. Metrics never begin with `<`. */
export function looksLikeHtml(body: string): boolean {
  return body.slice(0, 256).trimStart().startsWith('<')
}
