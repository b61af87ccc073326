import type { SourceReport } from './source-reports.ts'

export type PageForm = 'html' | 'json' | 'text'

export const pageContentTypes: Readonly<Record<PageForm, string>> = {
  html: 'text/html; charset=utf-8',
  json: 'application/json; charset=utf-8',
  text: 'text/plain; charset=utf-8',
}

/** A page for a browser, JSON for whoever names it, plain text for a terminal. */
export function pageForm(accept: string | undefined): PageForm {
  const accepted = (accept ?? '').toLowerCase()
  const html = accepted.indexOf('text/html')
  const json = accepted.indexOf('application/json')
  if (html === -1 && json === -1) return 'text'
  return json === -1 || (html !== -1 && html < json) ? 'html' : 'json'
}

/** Shows where the merged metrics come from, and why something is missing. `nowMs` of the clock that the reports were made by. */
export function renderSources(reports: readonly SourceReport[], form: PageForm, nowMs: number): string {
  switch (form) {
    case 'html':
      return renderHtml(reports, nowMs)
    case 'json':
      return `${JSON.stringify({ sources: reports.map(report => forJson(report, nowMs)) }, undefined, 2)}\n`
    case 'text':
      return `${reports.map(report => renderText(report, nowMs)).join('\n\n')}\n`
  }
}

function forJson({ askedAtMs, ...told }: SourceReport, nowMs: number): object {
  return { ...told, askedMsAgo: askedAtMs === undefined ? undefined : Math.round(nowMs - askedAtMs) }
}

function renderText(report: SourceReport, nowMs: number): string {
  const lines = [`${report.source}  ${where(report)}`, `  ${state(report)}`, ...notes(report).map(note => `  ${note}`)]
  if (report.askedAtMs !== undefined) lines.push(`  asked ${asked(report, report.askedAtMs, nowMs)}`)
  return lines.join('\n')
}

function where({ url }: SourceReport): string {
  return url ?? 'this proxy'
}

function state({ state, samples, families, format, reason, detail }: SourceReport): string {
  if (state === 'merged') return `merged: ${samples} samples in ${families} families, read as ${format}`
  return state === 'missing' ? `missing (${reason}): ${detail}` : 'not asked yet: the first scrape of /metrics asks it'
}

function notes({ conflictCount, conflicts, duplicates, exemplarsDropped }: SourceReport): string[] {
  const told: string[] = []
  if (conflictCount > 0) told.push(`${conflictCount} families in conflict: ${conflicts.join('; ')}`)
  if (conflictCount > conflicts.length) told.push(`and ${conflictCount - conflicts.length} more`)
  if (duplicates > 0) told.push(`${duplicates} samples left out: the source says their series twice`)
  if (exemplarsDropped > 0) told.push(`${exemplarsDropped} exemplars left out: their labels exceed 128 characters`)
  return told
}

function asked({ durationMs }: SourceReport, askedAtMs: number, nowMs: number): string {
  return `${((nowMs - askedAtMs) / 1000).toFixed(1)} s ago, took ${Math.round(durationMs)} ms`
}

const style = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem;max-width:75rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.5rem .8rem;border-bottom:1px solid #ccc}
.merged{color:#0a6b2d}.missing{color:#b00020}td p{margin:0}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}
.merged{color:#5fd38a}.missing{color:#ff7a8a}a{color:#8ab4ff}}`

function renderHtml(reports: readonly SourceReport[], nowMs: number): string {
  const rows = reports.map(report => {
    const told = [state(report), ...notes(report)].map(line => `<p>${escapeHtml(line)}</p>`).join('')
    const last = report.askedAtMs === undefined ? '' : escapeHtml(asked(report, report.askedAtMs, nowMs))
    const kind = report.state.replaceAll(' ', '-')
    return `<tr><td>${escapeHtml(report.source)}</td><td>${escapeHtml(where(report))}</td><td class="${kind}">${told}</td><td>${last}</td></tr>`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sources of /metrics</title><style>${style}</style></head>
<body><h1>Sources of <a href="/metrics">/metrics</a></h1>
<table><thead><tr><th>Source</th><th>Where</th><th>Last result</th><th>Asked</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></body></html>
`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => entities[character]!)
}
