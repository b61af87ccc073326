import type { Path } from './problem.ts'
import type { Loose, Report } from './report.ts'
import type { GatewayTlsWritten } from './schema-gateway.ts'

/** What one field of a gateway's TLS cannot know of another. */
export function crossCheckGatewayTls(path: Path, tls: Loose<GatewayTlsWritten>, report: Report): void {
  if (tls.require === true && tls.clientCaFile === undefined)
    report.problem(
      [...path, 'require'],
      'require without clientCaFile',
      'clientCaFile, too: whose certificates are believed?',
    )
  const taken = new Map<string, number>()
  let fallback: number | undefined
  for (const [index, certificate] of (tls.certificates ?? []).entries()) {
    const hosts = certificate?.hosts ?? []
    const here = [...path, 'certificates', index]
    if (hosts.length === 0 && fallback !== undefined)
      report.problem(
        here,
        'a second certificate without hosts',
        `hosts: those without are shown the one of certificates[${fallback}]`,
      )
    if (hosts.length === 0) fallback ??= index
    for (const host of hosts) {
      if (host === undefined) continue
      const other = taken.get(host)
      if (other !== undefined)
        report.problem([...here, 'hosts'], host, `a name that certificates[${other}] does not have`)
      taken.set(host, other ?? index)
    }
  }
}
